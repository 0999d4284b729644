/** Rule 14: one agent per node name. */
import { afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { ApiOutcome } from '../../src/kube/api.ts';
import { agentLeaseName, NodeLease } from '../../src/kube/node-lease.ts';
import { MemoryObjects } from '../support/memory-objects.ts';
import { VirtualTimers } from '../support/virtual-timers.ts';

const KEY = 'leases/orbweaver/agent-node1';
const AWAY: ApiOutcome<never> = { kind: 'unknown', reason: 'no answer' };

let opened: NodeLease[] = [];
afterEach(() => {
  for (const lease of opened) lease.close();
  opened = [];
});

class World {
  readonly objects = new MemoryObjects();
  readonly timers = new VirtualTimers();
  /** What each agent was told, in order. */
  readonly told: string[] = [];
  /** Ids of the agents that cannot reach the server. */
  readonly cut = new Set<string>();
  /** Holds every request back until it resolves. */
  hanging: Promise<void> = Promise.resolve();

  agent(id: string, run = `${id}-run`): NodeLease {
    const lease = new NodeLease({
      objects: {
        get: (...args) => this.#reach(run, () => this.objects.get(...args)),
        create: (...args) => this.#reach(run, () => this.objects.create(args[0], args[1])),
        replace: (...args) => this.#reach(run, () => this.objects.replace(args[0], args[1])),
      },
      namespace: 'orbweaver',
      node: 'node1',
      id,
      run,
      host: `host-of-${id}`,
      timers: this.timers,
      monotonic: () => this.timers.now(),
      random: () => 1,
      onChange: (refusal) => this.told.push(`${run}: ${refusal === undefined ? 'held' : 'not'}`),
    });
    opened.push(lease);
    lease.start();
    return lease;
  }

  async #reach<T>(run: string, request: () => Promise<ApiOutcome<T>>): Promise<ApiOutcome<T>> {
    await this.hanging;
    return this.cut.has(run) ? AWAY : request();
  }

  get lease() {
    return this.objects.stored.get(KEY)!;
  }
}

describe('rule 14: the Lease of a node name', () => {
  test('is made at once where there is none, and renewed', async () => {
    const world = new World();
    const lease = world.agent('a');
    expect(lease.refusal).toContain('Lease orbweaver/agent-node1');
    await world.timers.advance(0);
    expect(lease.refusal).toBeUndefined();
    await lease.held;
    const first = world.lease.metadata.resourceVersion;
    await world.timers.advance(LIMITS.leaseRenewMs);
    expect(world.lease.metadata.resourceVersion).not.toBe(first);
    expect(world.lease.spec).toMatchObject({
      holderIdentity: 'a',
      leaseDurationSeconds: LIMITS.leaseMs / 1_000,
      leaseTransitions: 0,
    });
    // One request for a renewal.
    expect(world.objects.requests.map(({ verb }) => verb)).toEqual(['get', 'create', 'replace']);
  });

  test('is taken over at once under the same id, however fresh it is', async () => {
    const world = new World();
    world.agent('a', 'life-1').close();
    await world.timers.advance(0);
    const second = world.agent('a', 'life-2');
    await world.timers.advance(0);
    expect(second.refusal).toBeUndefined();
    expect(world.lease.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  });

  test('is refused to another id for as long as its holder renews it, and the holder is named', async () => {
    const world = new World();
    const holder = world.agent('a');
    await world.timers.advance(0);
    const other = world.agent('b');
    for (let minute = 0; minute < 5; minute += 1) {
      await world.timers.advance(60_000);
      expect(holder.refusal).toBeUndefined();
      expect(other.refusal).toContain('another agent: a on host host-of-a');
    }
    expect(world.told).toEqual(['a-run: held', 'b-run: not']);
  });

  test('goes to another id once it has not changed for its duration', async () => {
    const world = new World();
    world.agent('a').close();
    await world.timers.advance(0);
    const other = world.agent('b');
    await world.timers.advance(LIMITS.leaseMs - 1);
    expect(other.refusal).toContain('another agent: a');
    await world.timers.advance(5_000);
    expect(other.refusal).toBeUndefined();
    expect(world.lease.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('whatever times it states: a clock of another node is not looked at', async () => {
    const world = new World();
    world.objects.stored.set(KEY, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'agent-node1', namespace: 'orbweaver', resourceVersion: '7' },
      spec: {
        holderIdentity: 'a',
        leaseDurationSeconds: 30,
        renewTime: '2001-01-01T00:00:00.000000Z',
      },
    });
    const other = world.agent('b');
    await world.timers.advance(LIMITS.leaseMs - 5_000);
    expect(other.refusal).toContain('another agent: a');
    await world.timers.advance(10_000);
    expect(other.refusal).toBeUndefined();
  });

  test('is not taken after an outage that kept its holder from renewing it as well', async () => {
    const world = new World();
    const holder = world.agent('a');
    await world.timers.advance(0);
    const other = world.agent('b');
    await world.timers.advance(5_000);
    world.objects.fault = () => AWAY;
    await world.timers.advance(10 * LIMITS.leaseMs);
    world.objects.fault = () => undefined;
    await world.timers.advance(3 * LIMITS.leaseMs);
    expect(holder.refusal).toBeUndefined();
    expect(other.refusal).toContain('another agent: a');
    expect(world.told.filter((line) => line === 'b-run: held')).toEqual([]);
  });

  test('nor after requests that hung for all that time and were answered in the end', async () => {
    const world = new World();
    world.agent('a');
    await world.timers.advance(0);
    world.agent('b');
    await world.timers.advance(5_000);
    const answer = Promise.withResolvers<void>();
    world.hanging = answer.promise;
    await world.timers.advance(10 * LIMITS.leaseMs);
    // The holder's renewal is the slower one.
    world.cut.add('a-run');
    answer.resolve();
    await world.timers.advance(LIMITS.leaseMs - 10_000);
    world.cut.delete('a-run');
    await world.timers.advance(3 * LIMITS.leaseMs);
    expect(world.told.filter((line) => line === 'b-run: held')).toEqual([]);
  });

  test('that cannot be renewed stays held for its duration; then ADDs wait for the next answer', async () => {
    const world = new World();
    const lease = world.agent('a');
    await world.timers.advance(0);
    world.cut.add('a-run');
    await world.timers.advance(LIMITS.leaseMs - 1);
    expect(lease.refusal).toBeUndefined();
    await world.timers.advance(1);
    expect(lease.refusal).toContain('could not be renewed for 30 s');
    world.cut.delete('a-run');
    await world.timers.advance(5_000);
    expect(lease.refusal).toBeUndefined();
    expect(world.lease.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  });

  test('that another took while its holder was cut off is found lost, and never fought for', async () => {
    const world = new World();
    const first = world.agent('a');
    await world.timers.advance(0);
    const second = world.agent('b');
    world.cut.add('a-run');
    await world.timers.advance(LIMITS.leaseMs + 10_000);
    expect(second.refusal).toBeUndefined();
    // Before the other had it, this one had stopped by its own clock.
    expect(first.refusal).toBeDefined();
    world.cut.delete('a-run');
    await world.timers.advance(4 * LIMITS.leaseMs);
    expect(first.refusal).toContain('another agent: b');
    expect(second.refusal).toBeUndefined();
  });

  test('of a copied state folder: the later process has it, the earlier one stops', async () => {
    const world = new World();
    const original = world.agent('a', 'original');
    await world.timers.advance(0);
    const copy = world.agent('a', 'copy');
    await world.timers.advance(4 * LIMITS.leaseMs);
    expect(copy.refusal).toBeUndefined();
    expect(original.refusal).toContain('another agent: a');
  });

  test('a renewal whose answer was lost is one: the Lease stays held', async () => {
    const world = new World();
    const lease = world.agent('a');
    await world.timers.advance(0);
    let lost = 0;
    world.objects.fault = ({ verb, object }) => {
      if (verb !== 'replace' || lost > 0) return undefined;
      lost += 1;
      const metadata = { ...object!.metadata, resourceVersion: 'landed' };
      world.objects.stored.set(KEY, { ...object!, metadata });
      return AWAY;
    };
    await world.timers.advance(3 * LIMITS.leaseMs);
    expect(lost).toBe(1);
    expect(lease.refusal).toBeUndefined();
    expect(world.told).toEqual(['a-run: held']);
  });

  test('that was deleted by hand is made again', async () => {
    const world = new World();
    const lease = world.agent('a');
    await world.timers.advance(0);
    world.objects.stored.delete(KEY);
    await world.timers.advance(LIMITS.leaseRenewMs);
    expect(lease.refusal).toBeUndefined();
    expect(world.lease.spec).toMatchObject({ holderIdentity: 'a' });
  });

  test('that the account may not read says so', async () => {
    const world = new World();
    world.objects.fault = () => ({ kind: 'refused', reason: '403: forbidden', status: 403 });
    const lease = world.agent('a');
    await world.timers.advance(1_000);
    expect(lease.refusal).toContain('403: forbidden');
  });
});

test.each([
  ['node1', 'agent-node1'],
  [`${'n'.repeat(247)}`, `agent-${'n'.repeat(247)}`],
])('the Lease of node %s is %s', (node, name) => {
  expect(agentLeaseName(node)).toBe(name);
});

test('the Lease of a node with the longest name has a name of its own that is not too long', () => {
  const names = ['a', 'b'].map((end) => agentLeaseName(`${'n'.repeat(252)}${end}`));
  expect(new Set(names).size).toBe(2);
  expect(names.every((name) => name.length === 253)).toBe(true);
});
