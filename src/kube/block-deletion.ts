/**
 * Taking away blocks that nobody needs (rule 13). A block goes only when nothing in it is claimed, owned or in
 * quarantine and every line has long finished resting, and only as it was read:
 *
 *     DELETE with uid and resourceVersion ─► the finalizer holds it ─► PATCH that tests the very slots and
 *                                                                      takes the finalizer off: it is gone
 *
 * A claim that lands in between changes the slots, so the patch fails and the block stays with its claims.
 *
 * What a request of the block's days can still do when it lands after that:
 * - a PATCH tests the uid of the object, so it lands in no object that is made later;
 * - a POST has no such test, and would make the block again with the claims that it carries. An agent that gives
 *   one up writes a line into the block, or makes it itself (rule 2), and every line keeps the block for as long
 *   as `blockKeptMs` after its rest, as does its own making. Of an agent that dies and loses its journal a POST
 *   may be left, but no longer than a request lives: its connection closes with the process, and an API server
 *   works on one for a minute (its `--request-timeout`). An hour is far beyond that;
 * - should one land all the same, no address is held twice by it: the claim is a line like any other, of a pod
 *   and sandbox that are gone, and goes by rule 15 when its node lists the blocks again.
 */
import { isDeepStrictEqual } from 'node:util';
import { LIMITS } from '../catalogue/limits.ts';
import type { BlockApi } from './api.ts';
import { BlockCache } from './block-cache.ts';
import { CLAIMS_FINALIZER, firstOfBlock, type IpBlock } from './ip-block.ts';

/** Whether a block may go, `now` being the API server's time in milliseconds since the epoch. */
export function isSpent(block: IpBlock, now: number): boolean {
  const first = firstOfBlock(block);
  const made = Date.parse(block.metadata.creationTimestamp ?? '');
  if (first === undefined || Object.keys(block.spec.units).length > 0) {
    return false;
  }
  const cache = new BlockCache();
  cache.put(block);
  const lines = [...(cache.block(first)?.slots.values() ?? [])].map(({ line }) => line);
  const rested = lines.every(
    (line) => line.state === 'resting' && line.until + LIMITS.blockKeptMs <= now,
  );
  return rested && cache.quarantined().length === 0 && made + LIMITS.blockKeptMs <= now;
}

/**
 * Deletes a block as it was read, if it is spent; finishes a deletion that somebody began. Resolves to whether
 * it is gone; false where it is needed, has changed meanwhile, or the server did not answer: then it is read
 * again another time.
 */
export async function deleteSpent(api: BlockApi, block: IpBlock, now: number): Promise<boolean> {
  if (!isSpent(block, now)) {
    return false;
  }
  const { name, uid = '', resourceVersion = '', deletionTimestamp } = block.metadata;
  if (deletionTimestamp === undefined) {
    const outcome = await api.delete(name, { uid, resourceVersion });
    if (outcome.kind !== 'ok') {
      return outcome.kind === 'not-found';
    }
  }
  const present = await api.get(name);
  if (present.kind !== 'ok') {
    return present.kind === 'not-found';
  }
  const { metadata, spec } = present.value;
  const at = (metadata.finalizers ?? []).indexOf(CLAIMS_FINALIZER);
  if (metadata.uid !== uid || !isDeepStrictEqual(spec, block.spec) || at < 0) {
    return false;
  }
  const path = `/metadata/finalizers/${at}`;
  const outcome = await api.patch(name, [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: '/spec', value: block.spec },
    { op: 'test', path, value: CLAIMS_FINALIZER },
    { op: 'remove', path },
  ]);
  return outcome.kind === 'ok';
}
