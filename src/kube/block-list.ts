/** Reading many blocks at once into the copy. */
import { LIMITS } from '../catalogue/limits.ts';
import type { Address } from '../net/address.ts';
import type { ApiOutcome, BlockApi } from './api.ts';
import type { BlockCache } from './block-cache.ts';
import { blockName, coarseNetwork } from './ip-block.ts';
import { isOlder } from './resource-version.ts';

/**
 * One whole list, page by page; of all blocks, or of those in some coarse networks. Blocks that it does not have
 * leave the copy; one that it would find by its label is read first, because a label may be removed by hand. A list that is older than what was seen before it began is one of a server that was restored from a
 * back-up. An outcome other than `ok` is that of the page that could not be read; the pages before it are
 * in the copy all the same.
 */
export async function listBlocks(
  api: BlockApi,
  cache: BlockCache,
  coarseNetworks?: readonly string[],
): Promise<ApiOutcome<void>> {
  const scope = coarseNetworks && new Set(coarseNetworks);
  const listed = new Set<string>();
  const newest = cache.newest;
  let next: string | undefined;
  for (;;) {
    const outcome = await api.list({
      limit: LIMITS.blocksPageMax,
      ...(coarseNetworks === undefined ? {} : { coarseNetworks }),
      ...(next === undefined ? {} : { continue: next }),
    });
    if (outcome.kind !== 'ok') {
      return outcome;
    }
    const { blocks, resourceVersion } = outcome.value;
    if (next === undefined && isOlder(resourceVersion, newest)) {
      cache.forgetVersions();
    }
    for (const block of blocks) {
      listed.add(block.metadata.name);
      cache.putListed(block);
    }
    next = outcome.value.continue;
    if (next === undefined) {
      const unlisted = cache.unlisted(listed, resourceVersion);
      if (scope !== undefined) {
        return readAll(
          api,
          cache,
          unlisted.filter((first) => scope.has(coarseNetwork(first))),
        );
      }
      for (const first of unlisted) {
        cache.drop(first);
      }
      return { kind: 'ok', value: undefined };
    }
  }
}

/** Reads these blocks; the outcome is that of the first that could not be read. */
async function readAll(
  api: BlockApi,
  cache: BlockCache,
  blocks: readonly Address[],
): Promise<ApiOutcome<void>> {
  const outcomes = await Promise.all(blocks.map((first) => readBlock(api, cache, first)));
  return outcomes.find(({ kind }) => kind !== 'ok') ?? { kind: 'ok', value: undefined };
}

/** Reads one block into the copy; `ok` also where there is none. */
export async function readBlock(
  api: BlockApi,
  cache: BlockCache,
  first: Address,
): Promise<ApiOutcome<void>> {
  const since = cache.versionOf(first);
  const outcome = await api.get(blockName(first));
  if (outcome.kind !== 'ok' && outcome.kind !== 'not-found') {
    return outcome;
  }
  cache.putRead(first, outcome.kind === 'ok' ? outcome.value : undefined, since);
  return { kind: 'ok', value: undefined };
}
