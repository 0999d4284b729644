/** Orbweaver in a cluster as users install it: the image on every node, and the manifests of deploy/. */
import { writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { buildImage } from '../../../scripts/build-image.ts';
import type { Cluster } from './cluster.ts';

const DEPLOY = join(import.meta.dirname, '../../../deploy');
const NAMESPACE = 'orbweaver';

/** Comes back once agents and controllers are ready. `say` is told of each step that takes its time. */
export async function installOrbweaver(
  cluster: Cluster,
  say: (line: string) => void,
): Promise<void> {
  const { run } = cluster.controlPlane;
  say('image');
  const archive = run.file('orbweaver.tar');
  await buildImage(archive);
  await Promise.all(cluster.nodes.map((node) => node.importImage(archive)));
  say('agents and controllers');
  const file = run.file('orbweaver', 'kustomization.yaml');
  const below = (name: string) => relative(dirname(file), join(DEPLOY, name));
  const kustomization = {
    resources: [below('overlays/local-image')],
    components: [below('components/container-runtime')],
    // Of one node two controllers would want the same ports.
    replicas: [{ name: 'orbweaver-controller', count: Math.min(2, cluster.nodes.length) }],
  };
  writeFileSync(file, `${JSON.stringify(kustomization, null, 2)}\n`);
  await cluster.kubectl(['apply', '-k', dirname(file)]);
  for (const name of ['daemonset/orbweaver-agent', 'deployment/orbweaver-controller']) {
    await cluster.kubectl(['-n', NAMESPACE, 'rollout', 'status', name, '--timeout=180s']);
  }
}
