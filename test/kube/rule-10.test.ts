/** Rule 10 of the claim (DESIGN section 4): DEL, and ADD behind it, while the API server is away. */
import { describe, expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { type Deletion, PromisedDels } from '../../src/ipam/promised-dels.ts';
import { addressesOf } from '../support/simulated-node.ts';
import { Scene } from './scene.ts';

describe('rule 10', () => {
  const SECOND = 1_000;

  async function awayWithClaim() {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    await scene.away(SECOND);
    return { scene, node };
  }

  test('DEL while the API server is away is on the disk, then answered, and written when it is back', async () => {
    const { scene, node } = await awayWithClaim();
    const del = node.del();
    await scene.away(LIMITS.delAnswerMs - SECOND);
    expect(scene.journal().openDeletions()).toEqual([]);
    await scene.away(SECOND);
    expect(await del).toEqual({ ok: true, result: undefined });
    expect(scene.journal().openDeletions()).toHaveLength(1);
    await scene.away(600 * SECOND);
    // It counts as used until it is written.
    expect([...node.ledger.claims()]).toHaveLength(1);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    scene.letGo();
    await scene.advance(10 * SECOND);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
    expect(scene.journal().openDeletions()).toEqual([]);
    expect(node.service.queueDepth).toBe(0);
  });

  test('DEL is an error where the disk does not keep it either', async () => {
    const { scene, node } = await awayWithClaim();
    scene.journal().beginDeletion = () =>
      Promise.reject(new OrbweaverError('STORE_FAILURE', 'disk full'));
    const del = node.del();
    await scene.away(LIMITS.delAnswerMs);
    expect(await del).toMatchObject({ ok: false, code: 'STORE_FAILURE' });
  });

  test('the same DEL again is answered at once and takes no second place in the queue', async () => {
    const { scene, node } = await awayWithClaim();
    const del = node.del();
    await scene.away(LIMITS.delAnswerMs);
    await del;
    for (let again = 0; again < LIMITS.podQueueMax; again += 1) {
      expect((await node.del()).ok).toBe(true);
    }
    expect(node.service.queueDepth).toBe(1);
    expect(scene.journal().openDeletions()).toHaveLength(1);
  });

  test('a later ADD of its key runs after it, and one that waits too long for that is answered 11', async () => {
    const { scene, node } = await awayWithClaim();
    const del = node.del();
    await scene.away(LIMITS.delAnswerMs);
    await del;
    const late = node.add({ deadlineMs: 10 * SECOND });
    const patient = node.add();
    await scene.away(10 * SECOND);
    expect(addressesOf(await late)).toMatch(/^DEADLINE_EXCEEDED/);
    expect(await late).toMatchObject({ error: { code: 11 } });
    scene.letGo();
    await scene.advance(10 * SECOND);
    expect(addressesOf(await patient)).toEqual(['10.0.0.11']);
    expect(scene.lines()).toEqual(['10.0.0.10 resting', '10.0.0.11 claimed']);
  });

  test.each([
    { what: 'that lived on', crash: false },
    { what: 'that died in between', crash: true },
  ])(
    'DEL behind an ADD whose outcome is open frees what that left, in an agent $what',
    async ({ crash }) => {
      const scene = new Scene();
      const node = await scene.node();
      await node.add({ pod: 'other', container: 'C9' });
      scene.hold('patch');
      const add = node.add();
      const ghost = await scene.request();
      ghost.lose();
      const del = node.del();
      await scene.away(LIMITS.apiCommitMs);
      expect((await add).ok).toBe(false);
      expect((await del).ok).toBe(true);
      ghost.execute();
      if (crash) {
        node.crash();
      }
      scene.letGo();
      const after = crash ? await scene.node() : node;
      await scene.advance(10 * SECOND);
      expect(scene.claims()).toEqual(['10.0.0.10 C9']);
      expect(after.service.queueDepth).toBe(0);
      expect(scene.journal().openDeletions()).toEqual([]);
    },
  );

  test.each([
    { what: 'answered in an earlier life', synced: true },
    { what: 'that came before the agent had read the ledger', synced: false },
  ])('DEL $what is carried out before any ADD of its pod', async ({ synced }) => {
    const { scene, node } = await awayWithClaim();
    if (synced) {
      const del = node.del();
      await scene.away(LIMITS.delAnswerMs);
      await del;
      node.crash();
    } else {
      node.crash();
      const promised = new PromisedDels(scene.journal());
      expect(await promised.answer(node.request('DEL', {}))).toMatchObject({ ok: true });
    }
    scene.letGo();
    const after = await scene.node();
    const add = after.add({ container: 'C2' });
    await scene.advance(10 * SECOND);
    expect(addressesOf(await add)).toEqual(['10.0.0.11']);
    expect(scene.lines()).toEqual(['10.0.0.10 resting', '10.0.0.11 claimed']);
    expect(scene.journal().openDeletions()).toEqual([]);
  });

  test('DEL that is answered while the use-cases start is carried out by them', async () => {
    const { scene, node } = await awayWithClaim();
    node.crash();
    const journal = scene.journal();
    const durable = Promise.withResolvers<void>();
    const begin = journal.beginDeletion.bind(journal);
    journal.beginDeletion = (deletion) => durable.promise.then(() => begin(deletion));
    const promised = new PromisedDels(journal);
    const answer = promised.answer(node.request('DEL', {}));
    const carriedOut: Deletion[] = [];
    promised.takeOver((_, deletion) => carriedOut.push(deletion));
    expect(carriedOut).toEqual([]);
    durable.resolve();
    await answer;
    expect(carriedOut).toMatchObject([{ attachment: { containerId: 'C1' }, args: { pod: 'web' } }]);
  });

  test('a DEL that is repeated for as long as the agent waits is promised once, also in its next life', async () => {
    const { scene, node } = await awayWithClaim();
    node.crash();
    const del = node.request('DEL', {});
    const other = node.request('DEL', { container: 'C2' });
    const first = new PromisedDels(scene.journal());
    const answers = await Promise.all([del, del, del, other].map((one) => first.answer(one)));
    expect(answers).toEqual(Array(4).fill({ ok: true, result: undefined }));
    const next = new PromisedDels(scene.journal());
    expect((await next.answer(del)).ok).toBe(true);
    const open = scene.journal().openDeletions();
    expect(open.map(({ deletion }) => deletion.attachment.containerId)).toEqual(['C1', 'C2']);
    scene.letGo();
    await scene.node();
    await scene.advance(10 * SECOND);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
    expect(scene.journal().openDeletions()).toEqual([]);
  });

  test('a DEL that did not reach the disk is written when it comes again', async () => {
    const { scene, node } = await awayWithClaim();
    node.crash();
    const journal = scene.journal();
    const begin = journal.beginDeletion.bind(journal);
    journal.beginDeletion = () => Promise.reject(new OrbweaverError('STORE_FAILURE', 'disk full'));
    const promised = new PromisedDels(journal);
    const del = node.request('DEL', {});
    expect(await promised.answer(del)).toMatchObject({ ok: false, code: 'STORE_FAILURE' });
    journal.beginDeletion = begin;
    expect((await promised.answer(del)).ok).toBe(true);
    expect(journal.openDeletions()).toHaveLength(1);
  });

  test('a DEL that comes after the use-cases took over is one of its own: an ADD may lie between', async () => {
    const { scene, node } = await awayWithClaim();
    node.crash();
    const promised = new PromisedDels(scene.journal());
    const carriedOut: Deletion[] = [];
    await promised.answer(node.request('DEL', {}));
    promised.takeOver((_, deletion) => carriedOut.push(deletion));
    await promised.answer(node.request('DEL', {}));
    expect(carriedOut).toHaveLength(2);
    expect(scene.journal().openDeletions()).toHaveLength(2);
  });

  test('a DEL that cannot be read is refused, also before the ledger is read', async () => {
    const scene = new Scene();
    const node = await scene.node();
    const promised = new PromisedDels(scene.journal());
    const request = { ...node.request('DEL', {}), config: '{' };
    expect(await promised.answer(request)).toMatchObject({ ok: false, code: 'DECODE_FAILURE' });
  });
});
