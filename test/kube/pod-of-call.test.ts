/** Rule 7: which pod a call is for, where the agent's copy of the pods may be old. */
import { describe, expect, test } from 'vitest';
import type { PodView } from '../../src/choose/subject.ts';
import { addressesOf } from '../support/simulated-node.ts';
import { poolOf } from '../world/pools.ts';
import { Scene } from './scene.ts';

const podOf = (uid: string, pool: string, more: Record<string, string> = {}): PodView => ({
  namespace: 'default',
  name: 'web',
  uid,
  node: 'node-1',
  labels: {},
  annotations: { 'ipam.spidernet.io/ippool': JSON.stringify({ ipv4: [pool] }), ...more },
  dead: false,
  controller: { kind: 'Pod', name: 'web' },
});

/** The copy has one pod, the API server another or none; `asked` says which of them were asked for. */
async function between(copy: PodView | undefined, live: PodView | undefined) {
  const scene = new Scene();
  scene.cluster.putPool(poolOf('second', '10.1.0.0/24', ['10.1.0.10-10.1.0.11']));
  const asked: string[] = [];
  Object.assign(scene.cluster, {
    servesUnknownPods: false,
    servesOtherNodes: false,
    pod: async (_namespace: string, _name: string, { fresh = false } = {}) => {
      asked.push(fresh ? 'live' : 'copy');
      return fresh ? live : copy;
    },
  });
  return { scene, asked, node: await scene.node() };
}

describe('rule 7', () => {
  const second = { 'kubernetes.io/config.hash': 'u1' };
  test.each([
    { what: 'the copy has it', copy: podOf('u1', 'small'), live: undefined, uid: 'u1' },
    { what: 'the call states no uid', copy: podOf('u9', 'small'), live: undefined, uid: '' },
    { what: 'it is static', copy: podOf('u9', 'small', second), live: undefined, uid: 'u1' },
  ])('a pod is not read live where $what', async ({ copy, live, uid }) => {
    const { asked, node } = await between(copy, live);
    expect(addressesOf(await node.add({ uid }))).toEqual(['10.0.0.10']);
    expect(asked).toEqual(['copy']);
  });

  test('a pod of another uid than the call is read live, and its own annotations count', async () => {
    const { asked, node } = await between(podOf('u1', 'small'), podOf('u2', 'second'));
    expect(addressesOf(await node.add({ uid: 'u2' }))).toEqual(['10.1.0.10']);
    expect(asked).toEqual(['copy', 'live']);
  });

  test('a call for a pod that was replaced is refused, and nothing is claimed', async () => {
    const { scene, asked, node } = await between(podOf('u2', 'small'), podOf('u2', 'small'));
    expect(await node.add({ uid: 'u1' })).toMatchObject({ ok: false, code: 'POD_REPLACED' });
    expect(asked).toEqual(['copy', 'live']);
    expect(scene.lines()).toEqual([]);
  });

  test('a call for a pod that is gone, and of which the copy has the predecessor, is refused', async () => {
    const { scene, node } = await between(podOf('u1', 'small'), undefined);
    expect(await node.add({ uid: 'u2' })).toMatchObject({ ok: false, code: 'POD_UNKNOWN' });
    expect(scene.lines()).toEqual([]);
  });
});

describe('a pod of another node', () => {
  const elsewhere = (uid: string): PodView => ({ ...podOf(uid, 'small'), node: 'Node-1' });

  test('is refused, naming both, and nothing is claimed', async () => {
    const { scene, node } = await between(undefined, undefined);
    Object.assign(scene.cluster, { pod: async () => elsewhere('u1') });
    expect(await node.add({ uid: 'u1' })).toMatchObject({
      ok: false,
      code: 'POD_ELSEWHERE',
      error: {
        code: 102,
        msg: expect.stringContaining(
          'Pod default/web is on node Node-1, but this agent is the one of node node-1',
        ),
      },
    });
    expect(scene.lines()).toEqual([]);
  });

  test('is told as one that was replaced, where its uid is another', async () => {
    const { node } = await between(elsewhere('u2'), elsewhere('u2'));
    expect(await node.add({ uid: 'u1' })).toMatchObject({ ok: false, code: 'POD_REPLACED' });
  });

  test('is served where it does not say its node, and on one machine in any case', async () => {
    const { scene, node } = await between({ ...podOf('u1', 'small'), node: '' }, undefined);
    expect(addressesOf(await node.add({ uid: 'u1' }))).toEqual(['10.0.0.10']);
    Object.assign(scene.cluster, { servesOtherNodes: true, pod: async () => elsewhere('u2') });
    expect((await node.add({ uid: 'u2', container: 'C2' })).ok).toBe(true);
  });
});
