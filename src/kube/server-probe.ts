/**
 * Whether the API server is there, for those who ask now and then (STATUS, /readyz): an idle agent sends nothing
 * that would show it, so the question itself is what asks.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { ApiServer } from './api-server.ts';
import { LEASES, resourcePath } from './resources.ts';

/** An answer as old as this is as good as a new one, in milliseconds. */
const FRESH_MS = 1_000;
/** Who asks for the status does not wait for longer than this, in milliseconds. */
const PATIENCE_MS = 2_000;

export class ServerProbe {
  readonly #api: ApiServer;
  readonly #path: string;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  /** `lease`: one that the agent may read; the read goes through to etcd, so it needs that as well. */
  constructor(api: ApiServer, lease: { readonly namespace: string; readonly name: string }) {
    this.#api = api;
    this.#path = resourcePath(LEASES, lease);
  }

  /** That the API server has been away for longer than LIMITS.apiAwayMs, in words; undefined: it has not. */
  async away(): Promise<string | undefined> {
    if (performance.now() - this.#answeredAt > FRESH_MS) {
      this.#asking ??= this.#ask();
      await this.#asking;
    }
    return this.#api.isAway(LIMITS.apiAwayMs)
      ? `the API server ${this.#api.url} has not answered for more than ${LIMITS.apiAwayMs / 1_000} s`
      : undefined;
  }

  async #ask(): Promise<void> {
    const path = this.#path;
    const outcome = await this.#api.request({ method: 'GET', path, deadlineMs: PATIENCE_MS });
    if (outcome.kind === 'ok' || outcome.kind === 'not-found') {
      this.#answeredAt = performance.now();
    }
    this.#asking = undefined;
  }
}
