/** Reading many blocks at once into the copy. */
import { LIMITS } from '../catalogue/limits.ts';
import type { ApiOutcome, BlockApi } from './api.ts';
import type { BlockCache } from './block-cache.ts';
import { coarseNetwork } from './ip-block.ts';
import { isOlder } from './resource-version.ts';

/**
 * One whole list, page by page; of all blocks, or of those in some coarse networks. Blocks that it does not have
 * leave the copy. A list that is older than what was seen before it began is one of a server that was restored from a
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
      cache.dropUnlisted(
        listed,
        resourceVersion,
        (first) => scope?.has(coarseNetwork(first)) ?? true,
      );
      return { kind: 'ok', value: undefined };
    }
  }
}
