/**
 * What the ledger needs of an API server, and all that can come of a request. Status codes are those of
 * reference/kubernetes-api.md section 2.
 */
import type { IpBlock } from './ip-block.ts';

/** One operation of a JSON Patch (RFC 6902). `test` of null passes where the member is absent. */
export type PatchOperation =
  | { readonly op: 'test' | 'add'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/**
 * How a request ended. Only after `unknown` may it still take effect, at any time: no answer came, the
 * connection broke after something was sent, or the server failed half-way (500 and above, but for 503 with
 * Retry-After and those that name a limit).
 */
export type ApiOutcome<T> =
  | {
      readonly kind: 'ok';
      readonly value: T;
      /** What the server warns of although it did as asked; absent where there is nothing. */
      readonly warnings?: readonly string[];
    }
  /** 404. */
  | { readonly kind: 'not-found' }
  /** 409: the name is taken, or the object changed under a precondition. */
  | { readonly kind: 'conflict' }
  /** 422 without causes: a `test` failed. It does not say which. */
  | { readonly kind: 'test-failed' }
  /** 410: the place in a list that is continued is no longer kept. */
  | { readonly kind: 'expired' }
  /** 429, and 503 with Retry-After: the server is too busy and did nothing. */
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** Nothing was sent, and nothing will be: no connection, or no turn among the requests, in time. */
  | { readonly kind: 'away'; readonly reason: string }
  /** 400, 401, 403, 413, 422 with causes, and limits of etcd: refused, for the reason given. */
  | { readonly kind: 'refused'; readonly reason: string; readonly status?: number }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface ListQuery {
  /** Values of COARSE_LABEL; undefined: all blocks. */
  readonly coarseNetworks?: readonly string[];
  /** Objects in one page. */
  readonly limit: number;
  /** `continue` of the page before. */
  readonly continue?: string;
}

export interface BlockPage {
  readonly blocks: readonly IpBlock[];
  /** Of the whole list: everything up to it is seen. */
  readonly resourceVersion: string;
  /** Undefined on the last page. */
  readonly continue: string | undefined;
}

/**
 * IPBlocks on an API server. Nothing here rejects. Every read is a quorum read, unless it says otherwise: it leaves
 * `resourceVersion` unset, so that it comes from etcd and not from the server's watch cache. Every request has a deadline,
 * after which it is `unknown`; the implementation closes what it gives up, so that little lands late.
 */
export interface BlockApi {
  get(name: string): Promise<ApiOutcome<IpBlock>>;
  /** As the server's watch cache has it, which may be older than what was seen; a quarter of the server's work. */
  peek(name: string): Promise<ApiOutcome<IpBlock>>;
  list(query: ListQuery): Promise<ApiOutcome<BlockPage>>;
  create(block: IpBlock): Promise<ApiOutcome<IpBlock>>;
  /** A JSON Patch without resourceVersion: the server applies it to the newest version. */
  patch(name: string, operations: readonly PatchOperation[]): Promise<ApiOutcome<IpBlock>>;
  delete(
    name: string,
    preconditions: { readonly uid: string; readonly resourceVersion: string },
  ): Promise<ApiOutcome<void>>;
}
