/** The rules of the claim (DESIGN section 4) as far as the ledger and the agent's queue carry them: 1 to 9. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { writeLine } from '../../src/kube/block-line.ts';
import { storedLines } from '../support/block-lines.ts';
import { claimOf, restingOf } from '../support/lines.ts';
import { addressesOf } from '../support/simulated-node.ts';
import { turn } from '../support/virtual-timers.ts';
import { poolOf } from '../world/pools.ts';
import { Scene } from './scene.ts';

describe('rule 1', () => {
  const ID = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

  test('a line names its holder, and its container by a digest; DEL, CHECK and CNI GC go by that', async () => {
    const scene = new Scene();
    const node = await scene.node();
    expect(addressesOf(await node.add({ container: ID }))).toEqual(['10.0.0.10']);
    const [line] = storedLines(scene.server);
    expect(line).toMatchObject({
      owner: { namespace: 'default', pod: 'web', uid: 'u1' },
      node: 'node-1',
      pool: 'small',
      attachment: {
        network: 'net',
        containerId: expect.stringMatching(/^~/),
        interfaceName: 'eth0',
      },
    });
    expect(JSON.stringify([...scene.server.blocks.values()])).not.toContain(ID);
    const ips = [{ address: '10.0.0.10/24' }];
    const prevResult = { cniVersion: '1.1.0', interfaces: [], ips };
    const check = await node.call('CHECK', { container: ID, config: { prevResult } });
    expect(check).toMatchObject({ ok: true });
    const gc = (...containers: string[]) => ({
      config: {
        'cni.dev/valid-attachments': containers.map((containerID) => ({
          containerID,
          ifname: 'eth0',
        })),
      },
    });
    expect((await node.call('GC', gc(ID))).ok).toBe(true);
    expect(scene.lines()).toEqual(['10.0.0.10 claimed']);
    expect((await node.call('GC', gc('another'))).ok).toBe(true);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
    expect(addressesOf(await node.add({ container: ID }))).toEqual(['10.0.0.11']);
    expect((await node.del({ container: ID })).ok).toBe(true);
    expect(scene.claims()).toEqual([]);
  });
});

describe('rule 2', () => {
  test('a claim that is given up in doubt is kept out by a fence, and its address is free at once', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ pod: 'other', container: 'C9' });
    scene.hold('patch', 'get');
    const add = node.add();
    const ghost = await scene.request();
    ghost.lose();
    await scene.advance(LIMITS.apiCommitMs);
    expect((await add).ok).toBe(false);
    scene.letGo();
    scene.server.held.find(({ verb }) => verb === 'get')?.answer();
    await scene.advance(10_000);
    expect(scene.lines()).toEqual(['10.0.0.10 claimed', '10.0.0.11 resting']);
    expect(scene.journal().open()).toEqual([]);
    ghost.execute();
    expect(scene.lines()).toEqual(['10.0.0.10 claimed', '10.0.0.11 resting']);
    // Nothing is left of it in the engine either.
    expect(addressesOf(await node.add({ container: 'C2' }))).toEqual(['10.0.0.11']);
  });

  test('a claim that landed although it was given up is taken back', async () => {
    const scene = new Scene();
    const node = await scene.node();
    scene.hold('create', 'get');
    const add = node.add();
    const request = await scene.request();
    request.execute();
    request.lose();
    await scene.advance(LIMITS.apiCommitMs);
    expect((await add).ok).toBe(false);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    scene.letGo();
    scene.server.held[0]?.answer();
    await scene.advance(10_000);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('a confirmation that is given up in doubt leaves the claim to its present holder', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ container: 'C1' });
    scene.hold('patch', 'get');
    const add = node.add({ container: 'C2' });
    const ghost = await scene.request();
    ghost.lose();
    await scene.advance(LIMITS.apiCommitMs);
    expect((await add).ok).toBe(false);
    scene.letGo();
    scene.server.held.find(({ verb }) => verb === 'get')?.answer();
    await scene.advance(10_000);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
  });

  test("another pod's line is never overwritten: the claim is lost and another address chosen", async () => {
    const scene = new Scene();
    scene.putPod('other', 'u1', { node: 'node-2' });
    const [one, two] = [await scene.node('node-1'), await scene.node('node-2')];
    expect(addressesOf(await one.add())).toEqual(['10.0.0.10']);
    const add = two.add({ pod: 'other', container: 'C9' });
    await scene.advance(1_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.11']);
    expect(scene.claims()).toEqual(['10.0.0.10 C1', '10.0.0.11 C9']);
  });
});

describe('rule 3', () => {
  test('an ADD whose plugin hung up while it waited writes nothing and re-keys nothing', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ container: 'C2' });
    const { patch } = scene.server.counts;
    const answer = await node.add({ container: 'C1', gone: () => true });
    expect(addressesOf(answer)).toMatch(/^CALLER_GONE/);
    expect(scene.server.counts.patch).toBe(patch);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
  });

  test.each([
    { what: 'from memory, while its ADD is on its way', held: 'create' as const },
    { what: 'from its line', held: 'patch' as const },
  ])(
    'a DEL that names no pod finds it $what, and waits for what its pod has in progress',
    async ({ held }) => {
      const scene = new Scene();
      const node = await scene.node();
      if (held === 'patch') {
        await node.add();
      }
      scene.hold(held);
      // Of the pod, and, where the container has a line already, not of the container.
      const add = node.add(held === 'patch' ? { container: 'C2' } : {});
      const request = await scene.request();
      const del = node.del({ pod: '', uid: '' });
      await turn();
      expect(scene.server.held).toHaveLength(1);
      scene.letGo();
      request.answer();
      expect((await add).ok).toBe(true);
      expect((await del).ok).toBe(true);
      expect(scene.claims()).toEqual(held === 'patch' ? ['10.0.0.10 C2'] : []);
    },
  );

  test('calls of other pods do not wait', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ pod: 'other', container: 'C9' });
    scene.hold('patch');
    void node.add();
    await scene.request();
    scene.cluster.putPool(poolOf('elsewhere', '10.0.1.0/24', ['10.0.1.10-10.0.1.11']));
    scene.putPod('third', 'u1', { pools: { ipv4: ['elsewhere'] } });
    expect(addressesOf(await node.add({ pod: 'third', container: 'C7' }))).toHaveLength(1);
  });
});

describe('rule 3, CNI GC', () => {
  test('goes through all claims also where the queue of one of them is full', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    await node.add({ pod: 'other', container: 'C9' });
    scene.hold('patch');
    for (let calls = 0; calls < LIMITS.podQueueMax; calls += 1) {
      void node.add({ pod: 'other', container: `C1${calls}`, deadlineMs: 1_000 });
    }
    let answered = false;
    const gc = node.call('GC', { config: { 'cni.dev/valid-attachments': [] } });
    void gc.then(() => {
      answered = true;
    });
    await turn();
    await turn();
    expect(answered).toBe(false);
    scene.letGo();
    (await scene.request()).answer();
    expect(await gc).toMatchObject({ ok: false, code: 'QUEUE_FULL' });
    await scene.advance(1_000);
    expect(scene.claims()).toEqual([expect.stringMatching(/^10\.0\.0\.11 /)]);
  });
});

describe('rule 4', () => {
  test('ADD of a new container of the pod keeps the address, and is answered when the line has the new key', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ container: 'C1' });
    scene.hold('patch');
    let answered = false;
    const add = node.add({ container: 'C2' }).finally(() => {
      answered = true;
    });
    const rekey = await scene.request();
    rekey.execute();
    await turn();
    expect(answered).toBe(false);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
    rekey.answer();
    expect(addressesOf(await add)).toEqual(['10.0.0.10']);
    scene.letGo();
    expect((await node.del({ container: 'C1' })).ok).toBe(true);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
  });

  test('a pod of the same name and another uid gets an address of its own', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ container: 'C1' });
    scene.putPod('web', 'u2');
    expect(addressesOf(await node.add({ container: 'C2', uid: 'u2' }))).toEqual(['10.0.0.11']);
    expect(scene.claims()).toEqual(['10.0.0.10 C1', '10.0.0.11 C2']);
  });
});

describe('rule 5', () => {
  test('a repeated ADD is answered after a write with a new nonce, not after a read', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    const [before] = storedLines(scene.server);
    const { patch, get } = scene.server.counts;
    expect(addressesOf(await node.add())).toEqual(['10.0.0.10']);
    expect(scene.server.counts).toMatchObject({ patch: patch + 1, get });
    expect(storedLines(scene.server)[0]?.nonce).not.toBe(before?.nonce);
  });
});

describe('rule 6', () => {
  async function kept() {
    const scene = new Scene();
    scene.cluster.keepsForLivePods = true;
    const node = await scene.node();
    await node.add({ container: 'C1' });
    await node.del({ container: 'C1' });
    return { scene, node };
  }

  test('a DEL that states another uid than the line frees nothing', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    scene.putPod('web', 'u2');
    expect((await node.del({ uid: 'u2' })).ok).toBe(true);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    await node.del({ uid: 'u1' });
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('the mark of a kept claim is cleared by the next ADD of its pod', async () => {
    const { scene, node } = await kept();
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
    expect(addressesOf(await node.add({ container: 'C2' }))).toEqual(['10.0.0.10']);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
  });

  test('CNI GC leaves a kept claim alone, which has no sandbox on purpose', async () => {
    const { scene, node } = await kept();
    const config = { 'cni.dev/valid-attachments': [] };
    expect((await node.call('GC', { config })).ok).toBe(true);
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
  });

  test.each([
    { what: 'is being deleted', uid: 'u1', dead: true },
    { what: 'was replaced by another of its name', uid: 'u2', dead: false },
  ])('DEL frees the claim of a pod that $what', async ({ uid, dead }) => {
    const scene = new Scene();
    scene.cluster.keepsForLivePods = true;
    const node = await scene.node();
    await node.add();
    scene.putPod('web', uid, { dead });
    expect((await node.del()).ok).toBe(true);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });
});

describe('rule 8', () => {
  const ID = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

  /** A pod of two interfaces whose first ADD has claimed for both. */
  async function ahead() {
    const scene = new Scene();
    scene.putPod('web', 'u1', {
      ippools: [
        { interface: 'eth0', ipv4: ['small'] },
        { interface: 'net1', ipv4: ['small'] },
      ],
    });
    const node = await scene.node();
    expect(addressesOf(await node.add({ container: ID }))).toHaveLength(1);
    expect(storedLines(scene.server)).toMatchObject([{ ahead: false }, { ahead: true }]);
    return { scene, node };
  }

  const gc = (name: string, ...containers: string[]) => ({
    config: {
      name,
      'cni.dev/valid-attachments': containers.map((containerID) => ({
        containerID,
        ifname: 'eth0',
      })),
    },
  });

  test('what was claimed ahead is what the ADD of its interface gets, also of another network', async () => {
    const { scene, node } = await ahead();
    const second = { container: ID, interfaceName: 'net1', config: { name: 'second' } };
    expect(addressesOf(await node.add(second))).toEqual(['10.0.0.11']);
    expect(storedLines(scene.server)).toMatchObject([{ ahead: false }, { ahead: false }]);
  });

  test('it survives a CNI GC of another network, and of its own while its container is valid', async () => {
    const { scene, node } = await ahead();
    expect((await node.call('GC', gc('second'))).ok).toBe(true);
    expect((await node.call('GC', gc('net', ID))).ok).toBe(true);
    expect(scene.lines()).toEqual(['10.0.0.10 claimed', '10.0.0.11 claimed']);
    expect((await node.call('GC', gc('net'))).ok).toBe(true);
    expect(scene.claims()).toEqual([]);
  });

  test("it goes with its container's last DEL, also after a restart", async () => {
    const { scene, node } = await ahead();
    node.crash();
    const after = await scene.node();
    expect((await after.del({ container: ID })).ok).toBe(true);
    expect(scene.claims()).toEqual([]);
  });
});

describe('rule 9', () => {
  test('a slot once written is never absent while its block lives, whatever becomes of it', async () => {
    const scene = new Scene();
    const vanished: string[] = [];
    scene.server.onChange = (before, after) => {
      for (const slot of Object.keys(before?.spec.slots ?? {})) {
        if (after !== undefined && !(slot in after.spec.slots)) {
          vanished.push(slot);
        }
      }
    };
    const node = await scene.node();
    for (let round = 0; round < 3; round += 1) {
      await node.add();
      await node.del();
    }
    expect(vanished).toEqual([]);
    expect(scene.lines()).not.toEqual([]);
  });
});

describe('rule 9, the time of a rest', () => {
  const HOUR = 3_600_000;

  /** The address that `web` left, as a node sees it that starts then. */
  async function left(skewMs: number) {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    const [name] = scene.server.blocks.keys();
    const now = scene.timers.now() + skewMs;
    const rest = restingOf(claimOf('10.0.0.10'), {
      releasedAt: now,
      until: now + LIMITS.restMs,
    });
    // What the agent of a node whose clock is wrong would have written.
    const { text, names } = writeLine(rest, {});
    scene.server.edit(name!, (block) => ({
      ...block,
      spec: { ...block.spec, names, slots: { '10': text } },
    }));
    return { scene, node: await scene.node('node-2') };
  }

  test('that lies in the future begins when it is seen, and does not last an hour longer', async () => {
    const { scene, node } = await left(HOUR);
    const first = await node.add({ pod: 'other', container: 'C9' });
    expect(addressesOf(first)).toEqual(['10.0.0.11']);
    await scene.advance(LIMITS.restMs + 1_000);
    scene.putPod('third', 'u1');
    const add = node.add({ pod: 'third', container: 'C7' });
    await scene.advance(1_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.10']);
  });

  test('that is over is over', async () => {
    const { scene, node } = await left(-HOUR);
    const add = node.add({ pod: 'other', container: 'C9' });
    await scene.advance(1_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.10']);
  });

  test("is the API server's in what a release writes", async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    await scene.advance(5_000);
    await node.del();
    const now = scene.timers.now();
    expect(storedLines(scene.server)).toMatchObject([
      { releasedAt: now, until: now + LIMITS.restMs },
    ]);
  });
});
