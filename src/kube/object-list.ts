/** A whole list, read in pages. */
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { ApiOutcome } from './api.ts';
import type { ApiServer } from './api-server.ts';
import { withQuery } from './resources.ts';

export interface ObjectList {
  readonly items: readonly KubeObject[];
  /** Of the whole list: a watch goes on from here. */
  readonly resourceVersion: string;
}

export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /**
   * `etcd`: nothing older than what is committed now. `any`: what the server's cache has, which costs it less and
   * may be older than what was seen before. Default: `etcd`.
   */
  readonly from?: 'etcd' | 'any';
  /** Objects in one page; default: LIMITS.listPageMax. The server's cache knows no pages. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

interface RawList {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly Partial<KubeObject>[] | null;
}

/**
 * Reads the list at `path` (without query). `expired`: more was changed between two pages than the server keeps;
 * begin again. Items carry their apiVersion and kind, which the server leaves out in lists of its own kinds.
 */
export async function listObjects(
  api: ApiServer,
  path: string,
  options: ListOptions = {},
): Promise<ApiOutcome<ObjectList>> {
  const {
    labelSelector,
    fieldSelector,
    from = 'etcd',
    limit = LIMITS.listPageMax,
    signal,
  } = options;
  const items: KubeObject[] = [];
  let next: string | undefined;
  for (;;) {
    const query = {
      labelSelector,
      fieldSelector,
      continue: next,
      ...(from === 'etcd' ? { limit } : { resourceVersion: '0' }),
    };
    const outcome = await api.request<RawList>({
      method: 'GET',
      path: withQuery(path, query),
      ...(signal === undefined ? {} : { signal }),
    });
    if (outcome.kind !== 'ok') {
      return outcome;
    }
    const { apiVersion, kind, metadata, items: page } = outcome.value;
    const type = { apiVersion, kind: kind.replace(/List$/, '') };
    for (const item of page ?? []) {
      items.push({ ...type, ...item } as KubeObject);
    }
    // Empty on the last page.
    next = metadata.continue || undefined;
    if (next === undefined) {
      return { kind: 'ok', value: { items, resourceVersion: metadata.resourceVersion ?? '' } };
    }
  }
}
