/** Rule 9 of the claim (DESIGN section 4): a release that lies in the future begins its rest when an agent finds it. */
import { describe, expect, test } from 'vitest';
import { CalicoSite, ipamConfiguration, ipPool } from '../support/calico-site.ts';

const REST_MS = 30_000;

describe('the next address while the release of the lowest lies in the future', () => {
  /** The lowest address of a unit of four was given back, and the clock was set back before the agent began anew. */
  async function released(setBack: number) {
    const site = await CalicoSite.start(
      ipPool('p', '10.0.0.0/30', 30),
      ipamConfiguration({ ipCooldownSeconds: REST_MS / 1_000 }),
    );
    expect(await site.add('node-a')).toMatchObject({ addresses: ['10.0.0.0/30'] });
    await site.del();
    site.restart(-setBack);
    return site;
  }

  test.each([
    { setBack: 8_000, wait: REST_MS - 1_000, given: '10.0.0.1/30' },
    // Its line still says a later end, but others that are free need not be taken before it.
    { setBack: 8_000, wait: REST_MS, given: '10.0.0.0/30' },
    { setBack: 86_400_000, wait: REST_MS - 1_000, given: '10.0.0.1/30' },
    { setBack: 86_400_000, wait: REST_MS, given: '10.0.0.0/30' },
  ])('is $given after $wait ms of a clock that went back by $setBack ms', async (row) => {
    using site = await released(row.setBack);
    site.pass(row.wait);
    expect(await site.add('node-a')).toMatchObject({ addresses: [row.given] });
  });

  test('is found anew by every later agent', async () => {
    using site = await released(8_000);
    site.restart(2_000);
    site.pass(REST_MS - 1_000);
    expect(await site.add('node-a')).toMatchObject({ addresses: ['10.0.0.1/30'] });
    site.pass(1_000);
    expect(await site.add('node-a')).toMatchObject({ addresses: ['10.0.0.0/30'] });
  });
});
