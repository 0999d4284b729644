/** A whole list, read page by page. */
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
  /** What is kept of each object; the rest is forgotten page by page. */
  readonly keep?: (object: KubeObject) => KubeObject;
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
  const { keep } = options;
  const items: KubeObject[] = [];
  const end = await readPages(api, path, options, (page) => {
    for (const item of page) {
      items.push(keep === undefined ? item : keep(item));
    }
  });
  return end.kind === 'ok' ? { kind: 'ok', value: { items, resourceVersion: end.value } } : end;
}

/** The same, a page at a time; what comes back is the version of the whole list. */
export async function readPages(
  api: ApiServer,
  path: string,
  options: ListOptions,
  read: (page: readonly KubeObject[]) => void,
): Promise<ApiOutcome<string>> {
  const {
    labelSelector,
    fieldSelector,
    from = 'etcd',
    limit = LIMITS.listPageMax,
    signal,
  } = options;
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
    read((page ?? []).map((item) => ({ ...type, ...item }) as KubeObject));
    // Empty on the last page.
    next = metadata.continue || undefined;
    if (next === undefined) {
      return { kind: 'ok', value: metadata.resourceVersion ?? '' };
    }
  }
}
