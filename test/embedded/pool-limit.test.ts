import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const clock = { now: () => Date.UTC(2026, 0, 1) };
const open = (folder: string) => EmbeddedStore.open(folder, { clock, node: 'node-1' });

function pool(name: string) {
  return {
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name },
    spec: { subnet: '10.255.0.0/16', ips: [], ipVersion: 4 },
  };
}

/** Writes pools without addresses straight into the state file: applying so many takes a while. */
function fill(folder: string, count: number): void {
  const database = new DatabaseSync(join(folder, 'state.db'));
  const body = { ...pool('?'), metadata: { name: '?', resourceVersion: '1', uid: '?' } };
  database
    .prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO objects (kind, namespace, name, body)
       SELECT 'SpiderIPPool', '', 'p' || i, replace(?, '?', 'p' || i) FROM n`,
    )
    .run(count, JSON.stringify(body));
  database.close();
}

test('a pool beyond the limit is refused by name, and the others go on', async () => {
  const folder = scratchFolder();
  (await open(folder)).close();
  fill(folder, LIMITS.poolsMax - 1);
  const store = await open(folder);
  try {
    expect((await store.objects.apply(pool('last'))).action).toBe('created');
    await expect(store.objects.apply(pool('surplus'))).rejects.toThrow(
      'spiderippools.spiderpool.spidernet.io "surplus" is forbidden: there are 65536 pools already (limit poolsMax)',
    );
    expect((await store.objects.apply(pool('last'))).action).toBe('unchanged');
    const { ledger, cluster } = store;
    expect(new Allocator({ ledger, cluster, clock }).verify()).toBeUndefined();
  } finally {
    store.close();
  }
});
