/**
 * One Kubernetes API server: kept connections, the credentials of a kubeconfig or of the pod, deadlines, and what
 * came of each request (reference/kubernetes-api.md section 2).
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import type { ApiOutcome } from './api.ts';
import { ServerClock } from './server-clock.ts';

export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/apply-patch+yaml';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: 'application/json' | PatchType;
  /** Default: LIMITS.apiRequestMs. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: KubeObject;
}

export interface WatchOptions {
  readonly resourceVersion: string;
  readonly onEvent: (event: WatchEvent) => void;
  readonly signal: AbortSignal;
}

/** How a watch ended. */
export type WatchEnd =
  /** By the server, in order, or because the signal said so. */
  | { readonly kind: 'ended' }
  /** 410: the place to go on from is no longer kept; list again. */
  | { readonly kind: 'expired' }
  /** Anything else: refused, cut off, silent for too long. Wait at least `retryAfterMs`. */
  | { readonly kind: 'broken'; readonly reason: string; readonly retryAfterMs: number };

export interface ApiServerOptions {
  /** Name and version of the program, for the server's audit log. */
  readonly userAgent?: string;
}

export class ApiServer {
  readonly url: string;
  /** The server's time. */
  readonly clock = new ServerClock();
  #lastAnswerAt = Number.NEGATIVE_INFINITY;

  private constructor(url: string) {
    this.url = url;
  }

  /** By the current context of a kubeconfig. Throws KUBECONFIG_INVALID, naming file and field. */
  static fromKubeconfig(_file: string, _options: ApiServerOptions = {}): ApiServer {
    return new ApiServer('');
  }

  /** By the service account of the pod that this runs in. Throws KUBECONFIG_INVALID outside of one. */
  static inCluster(_options: ApiServerOptions = {}): ApiServer {
    return new ApiServer('');
  }

  /** Sends a request; never rejects. The value of `ok` is the body, read as JSON. */
  request<T>(_request: ApiRequest): Promise<ApiOutcome<T>> {
    return Promise.resolve({ kind: 'away', reason: 'not connected' });
  }

  /** Streams events until the server ends it, the signal aborts, or silence; never rejects. */
  watch(_path: string, _options: WatchOptions): Promise<WatchEnd> {
    return Promise.resolve({ kind: 'broken', reason: 'not connected', retryAfterMs: 0 });
  }

  /** When the server last answered anything (monotonic milliseconds); minus infinity: never yet. */
  get lastAnswerAt(): number {
    return this.#lastAnswerAt;
  }

  /** Whether it was asked and has not answered for at least `ms` milliseconds. */
  isAway(_ms: number): boolean {
    return false;
  }

  /** Ends all requests and watches and closes the connections. */
  async close(): Promise<void> {}
}
