/** What explain says of an address that a pod asks for by number, and what ADD says of the same. */
import { describe, expect, test } from 'vitest';
import { explainPod } from '../../src/ipam/explain.ts';
import { CalicoSite, ipamConfiguration, ipPool } from '../support/calico-site.ts';

const WANTED = '10.4.0.77';

/** The refusal that explain tells for a pod of the site, or undefined where it would be served. */
async function refusalOf({ service }: CalicoSite, name: string) {
  const pod = (await service.parts.cluster.pod('default', name))!;
  const { refusal } = await explainPod(service.parts, {
    pod,
    node: undefined,
    interfaceName: 'eth0',
    calledAs: 'orbweaver',
    config: undefined,
  });
  return refusal;
}

describe('an explained request for an address', () => {
  test('that another pod holds is refused in the words of ADD', async () => {
    using site = await CalicoSite.start(ipPool('cal', '10.4.0.0/24', 26));
    await site.add('node-a', { addresses: [WANTED] });
    const answer = await site.add('node-a', { addresses: [WANTED] });
    const { message, details } = (await refusalOf(site, 'pod-2'))!;
    expect(answer).toMatchObject({ ok: false, msg: message });
    expect(details).toContain('is held by pod default/pod-1');
  });

  test('that strict affinity puts out of reach is refused in the words of ADD', async () => {
    using site = await CalicoSite.start(
      ipPool('cal', '10.4.0.0/24', 26),
      ipamConfiguration({ strictAffinity: true }),
    );
    await site.add('node-b', { addresses: ['10.4.0.78'] });
    const answer = await site.add('node-a', { addresses: [WANTED] });
    const refusal = await refusalOf(site, 'pod-2');
    expect(answer).toMatchObject({ ok: false, msg: refusal?.message });
  });

  test('is not refused for the pod that holds it', async () => {
    using site = await CalicoSite.start(ipPool('cal', '10.4.0.0/24', 26));
    await site.add('node-a', { addresses: [WANTED] });
    expect(await refusalOf(site, 'pod-1')).toBeUndefined();
  });
});
