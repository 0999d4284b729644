/** Rule 15 of the claim (DESIGN section 4) on the agent's own node: what is freed although no DEL came. */
import { afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { OwnNodeFreeing } from '../../src/ipam/own-node-freeing.ts';
import type { Timers } from '../../src/ipam/timers.ts';
import { deleteSpent } from '../../src/kube/block-deletion.ts';
import { formatAddress } from '../../src/net/address.ts';
import { addressesOf, type SimulatedNode } from '../support/simulated-node.ts';
import { poolOf } from '../world/pools.ts';
import { Scene } from './scene.ts';

const LOOK = LIMITS.freeingPassMs;
const LONG = LIMITS.freeingGraceMs + 3 * LOOK;

const started: OwnNodeFreeing[] = [];
afterEach(() => {
  for (const freeing of started.splice(0)) {
    freeing.stop();
  }
});

/** The freeing of a node's agent, with a runtime that lists these sandboxes; undefined: no runtime is known. */
function freeingOn(
  scene: Scene,
  node: SimulatedNode,
  running?: string[],
  timers: Timers = scene.timers,
) {
  const freed: string[] = [];
  const problems: string[] = [];
  const freeing = new OwnNodeFreeing({
    use: node.service.parts,
    timers,
    ...(running === undefined ? {} : { sandboxes: { ids: async () => [...running] } }),
    onFreed: (claims) => freed.push(...claims.map(({ address }) => formatAddress(address))),
    onProblem: (problem) => problems.push(problem),
  });
  started.push(freeing);
  freeing.start();
  return { freeing, freed, problems };
}

/** An agent that knows the claim of `web` from its start-up list only. */
async function restarted() {
  const scene = new Scene();
  scene.cluster.keepsForLivePods = true;
  const before = await scene.node();
  await before.add();
  before.crash();
  return { scene, node: await scene.node() };
}

describe('rule 15: a claim is freed without a DEL', () => {
  test('no sooner where the clock of the API server is set forward', async () => {
    const { scene, node } = await restarted();
    scene.cluster.removePod('default', 'web');
    let ahead = 0;
    const { freed } = freeingOn(scene, node, [], {
      now: () => scene.timers.now() + ahead,
      after: (ms, wake) => scene.timers.after(ms, wake),
    });
    await scene.advance(LOOK);
    ahead = 3_600_000;
    await scene.advance(LIMITS.freeingGraceMs - 1);
    expect(freed).toEqual([]);
    await scene.advance(1);
    expect(freed).toEqual(['10.0.0.10']);
  });

  test.each([
    { what: 'its pod is gone', replace: undefined },
    { what: 'its pod has another uid', replace: { uid: 'u2' } },
    { what: 'its pod is dead', replace: { uid: 'u1', dead: true } },
  ])('when $what and the runtime has no such sandbox, seen twice', async ({ replace }) => {
    const { scene, node } = await restarted();
    if (replace === undefined) {
      scene.cluster.removePod('default', 'web');
    } else {
      scene.putPod('web', replace.uid, replace);
    }
    const { freed } = freeingOn(scene, node, ['another']);
    await scene.advance(LOOK + LIMITS.freeingGraceMs - 1);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    await scene.advance(LONG);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
    expect(freed).toEqual(['10.0.0.10']);
  });

  test('never, while its pod lives', async () => {
    const { scene, node } = await restarted();
    freeingOn(scene, node, []);
    await scene.advance(10 * LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
  });

  test('never, while its pod lives by a live read, whatever the cache says', async () => {
    const { scene, node } = await restarted();
    const { pod } = scene.cluster;
    Object.assign(scene.cluster, {
      pod: async (namespace: string, name: string, options?: { fresh: true }) =>
        options?.fresh ? pod(namespace, name) : undefined,
    });
    freeingOn(scene, node, []);
    await scene.advance(10 * LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
  });

  test('never, while its sandbox is listed', async () => {
    const { scene, node } = await restarted();
    scene.cluster.removePod('default', 'web');
    freeingOn(scene, node, ['C1']);
    await scene.advance(10 * LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
  });

  test('never, where no runtime can be asked: CNI GC has the word then', async () => {
    const { scene, node } = await restarted();
    scene.cluster.removePod('default', 'web');
    const { problems } = freeingOn(scene, node);
    await scene.advance(10 * LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    expect(problems).toEqual([]);
    await node.call('GC', { config: { 'cni.dev/valid-attachments': [] } });
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('never, while its ADD was answered in this life and no DEL came', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    scene.cluster.removePod('default', 'web');
    freeingOn(scene, node, []);
    await scene.advance(10 * LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
  });

  test('by its full id, although its line has only a digest', async () => {
    const id = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
    const scene = new Scene();
    const before = await scene.node();
    await before.add({ container: id });
    before.crash();
    scene.cluster.removePod('default', 'web');
    const running = [id];
    freeingOn(scene, await scene.node(), running);
    await scene.advance(10 * LONG);
    expect(scene.lines()).toEqual(['10.0.0.10 claimed']);
    running.pop();
    await scene.advance(LONG);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('not where what was seen the first time is not the same any more', async () => {
    const { scene, node } = await restarted();
    scene.cluster.removePod('default', 'web');
    freeingOn(scene, node, []);
    await scene.advance(LOOK);
    scene.putPod('web', 'u1');
    await node.add({ container: 'C2' });
    scene.cluster.removePod('default', 'web');
    await scene.advance(10 * LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
  });

  test('not where a runtime or the API server fails to answer; that is said once', async () => {
    const { scene, node } = await restarted();
    scene.cluster.removePod('default', 'web');
    const { problems, freeing } = freeingOn(scene, node, []);
    freeing.stop();
    const failing = new OwnNodeFreeing({
      use: node.service.parts,
      timers: scene.timers,
      sandboxes: { ids: () => Promise.reject(new Error('no runtime')) },
      onProblem: (problem) => problems.push(problem),
    });
    started.push(failing);
    failing.start();
    await scene.advance(10 * LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    expect(problems).toEqual(['no runtime']);
  });

  test('not those of other nodes, whose agents know more', async () => {
    const { scene, node } = await restarted();
    node.crash();
    scene.cluster.removePod('default', 'web');
    freeingOn(scene, await scene.node('node-2'), []);
    await scene.advance(10 * LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
  });
});

describe('rule 15: one pass frees no implausible share', () => {
  test.each([
    { dead: LIMITS.freeingAlways, frees: true },
    { dead: LIMITS.freeingAlways + 1, frees: false },
  ])('$dead of $dead claims', async ({ dead, frees }) => {
    const scene = new Scene();
    scene.cluster.putPool(poolOf('small', '10.0.0.0/24', ['10.0.0.10-10.0.0.90']));
    const before = await scene.node();
    for (let at = 0; at < dead; at += 1) {
      scene.putPod(`pod-${at}`, 'u1');
      await before.add({ pod: `pod-${at}`, container: `C${at}` });
      scene.cluster.removePod('default', `pod-${at}`);
    }
    before.crash();
    const { freed, problems } = freeingOn(scene, await scene.node(), []);
    await scene.advance(10 * LONG);
    expect(freed).toHaveLength(frees ? dead : 0);
    expect(problems).toEqual(
      frees ? [] : [expect.stringMatching(/^17 of the 17 addresses .*\(16\): none was freed$/)],
    );
  });

  test('the half of many claims may go', async () => {
    const scene = new Scene();
    scene.cluster.putPool(poolOf('small', '10.0.0.0/24', ['10.0.0.10-10.0.0.90']));
    const before = await scene.node();
    const count = 2 * (LIMITS.freeingAlways + 4);
    for (let at = 0; at < count; at += 1) {
      scene.putPod(`pod-${at}`, 'u1');
      await before.add({ pod: `pod-${at}`, container: `C${at}` });
    }
    before.crash();
    for (let at = 0; at < count; at += 2) {
      scene.cluster.removePod('default', `pod-${at}`);
    }
    const { freed } = freeingOn(scene, await scene.node(), []);
    await scene.advance(LONG);
    expect(freed).toHaveLength(count / 2);
    expect(scene.claims()).toHaveLength(count / 2);
  });
});

describe('rule 15: what is only kept has no sandbox', () => {
  async function kept() {
    const scene = new Scene();
    scene.cluster.keepsForLivePods = true;
    const node = await scene.node();
    await node.add();
    await node.del();
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
    return { scene, node };
  }

  test('it goes as soon as its pod ends', async () => {
    const { scene, node } = await kept();
    const { freeing, freed } = freeingOn(scene, node);
    freeing.onPodGone('default', 'web');
    await scene.advance(0);
    expect(scene.claims(), 'the pod lives').toEqual(['10.0.0.10 C1 kept']);
    scene.cluster.removePod('default', 'web');
    freeing.onPodGone('default', 'web');
    await scene.advance(0);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
    expect(freed).toEqual(['10.0.0.10']);
  });

  test('it goes at the start of an agent that missed the end of its pod', async () => {
    const { scene, node } = await kept();
    node.crash();
    scene.cluster.removePod('default', 'web');
    freeingOn(scene, await scene.node());
    await scene.advance(0);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('it goes with the DEL, where the pod ends while that is on its way', async () => {
    const scene = new Scene();
    scene.cluster.keepsForLivePods = true;
    const node = await scene.node();
    await node.add();
    const { freeing } = freeingOn(scene, node);
    scene.hold('patch');
    const del = node.del();
    const mark = await scene.request();
    scene.cluster.removePod('default', 'web');
    freeing.onPodGone('default', 'web');
    scene.letGo();
    mark.answer();
    expect((await del).ok).toBe(true);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('it goes when the pods of the node are listed without its own, and no event told of that', async () => {
    const { scene, node } = await kept();
    const { freeing } = freeingOn(scene, node);
    freeing.onPodsListed();
    await scene.advance(0);
    expect(scene.claims(), 'the pod lives').toEqual(['10.0.0.10 C1 kept']);
    scene.cluster.removePod('default', 'web');
    freeing.onPodsListed();
    await scene.advance(0);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('it goes soon after, where the API server does not answer as its pod ends', async () => {
    const { scene, node } = await kept();
    const { freeing } = freeingOn(scene, node);
    const { pod } = scene.cluster;
    scene.cluster.pod = () => Promise.reject(new Error('away'));
    freeing.onPodGone('default', 'web');
    await scene.advance(LOOK);
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
    scene.cluster.pod = pod;
    scene.cluster.removePod('default', 'web');
    await scene.advance(LOOK);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('it goes by a later look, where nobody told of the end of its pod', async () => {
    const { scene, node } = await kept();
    freeingOn(scene, node);
    await scene.advance(LONG);
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
    scene.cluster.removePod('default', 'web');
    await scene.advance(LONG);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });
});

describe('rule 15: the traces', () => {
  test('T3: a force-deleted pod whose sandbox still runs keeps its address over a restart of its agent', async () => {
    const { scene, node } = await restarted();
    scene.cluster.removePod('default', 'web');
    freeingOn(scene, node, ['C1']);
    await scene.advance(10 * LONG);
    expect(addressesOf(await node.add({ pod: 'other', container: 'C9' }))).toEqual(['10.0.0.11']);
  });

  test('T5: a late ADD of a life whose journal was lost is found and freed', async () => {
    const scene = new Scene();
    const before = await scene.node();
    await before.add({ pod: 'other', container: 'C9' });
    scene.hold('patch');
    void before.add();
    const ghost = await scene.request();
    before.crash();
    scene.letGo();
    const after = await scene.node('node-1', { journalLost: true });
    expect((await after.del()).ok).toBe(true);
    scene.cluster.removePod('default', 'web');
    freeingOn(scene, after, ['C9']);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C9', '10.0.0.11 C1']);
    await scene.advance(LONG + 2 * LIMITS.blockVerifyMs);
    expect(scene.claims()).toEqual(['10.0.0.10 C9']);
  });

  test('a late claim in a block that holds nothing of the node is found by the next list', async () => {
    const scene = new Scene();
    const before = await scene.node();
    scene.hold('create');
    void before.add();
    const ghost = await scene.request();
    before.crash();
    scene.letGo();
    const after = await scene.node('node-1', { journalLost: true });
    scene.cluster.removePod('default', 'web');
    freeingOn(scene, after, []);
    await scene.advance(LONG);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    await scene.advance(2 * LIMITS.blocksRelistMs);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('a late POST that makes a deleted block again is found and freed, and nobody else loses by it', async () => {
    const scene = new Scene();
    const before = await scene.node();
    scene.hold('create');
    void before.add();
    const ghost = await scene.request();
    before.crash();
    scene.letGo();
    scene.cluster.removePod('default', 'web');
    const after = await scene.node('node-1', { journalLost: true });
    await after.add({ pod: 'other', container: 'C9' });
    await after.del({ pod: 'other', container: 'C9' });
    const [block] = scene.server.blocks.values();
    const rested = scene.timers.now() + LIMITS.restMs + LIMITS.blockKeptMs;
    expect(await deleteSpent(scene.server.client('controller'), block!, rested)).toBe(true);
    freeingOn(scene, after, []);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    const add = after.add({ pod: 'other', container: 'C10' });
    await scene.advance(1_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.11']);
    await scene.advance(LONG);
    expect(scene.claims()).toEqual(['10.0.0.11 C10']);
  });
});
