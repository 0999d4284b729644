/** The rules of the claim (DESIGN section 4) as far as the ledger and the agent's queue carry them: 1 to 9. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { writeLine } from '../../src/kube/block-line.ts';
import { storedLines } from '../support/block-lines.ts';
import { claimOf, restingOf } from '../support/lines.ts';
import { addressesOf } from '../support/simulated-node.ts';
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
