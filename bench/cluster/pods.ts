import type { ControlPlane } from '../../test/cluster/support/control-plane.ts';
import { inLanes } from './designs.ts';

const AT_ONCE = 16;

/** Makes pods in the namespace `default`, bound to a node that runs nothing; their uids by name. */
export async function makePods(
  cluster: ControlPlane,
  nodeName: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const uids = new Map<string, string>();
  await inLanes(names, AT_ONCE, async (name) => {
    const { status, text } = await cluster.ask('POST', '/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'web' } },
      spec: {
        nodeName,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'none' }],
      },
    });
    if (status !== 201) throw new Error(`no pod: ${text}`);
    uids.set(name, (JSON.parse(text) as { metadata: { uid: string } }).metadata.uid);
  });
  // In the order of the names, whichever was made first.
  return new Map(names.map((name) => [name, uids.get(name)!]));
}
