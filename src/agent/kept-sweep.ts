/**
 * Frees what is kept for the next sandbox of a pod once the pod has ended (rule 6): when the API server says so,
 * and from time to time for what was not heard, or could not be written then.
 */
import { freeKept } from '../ipam/kept.ts';
import type { Parts } from '../ipam/parts.ts';
import type { Timers } from '../ipam/timers.ts';

const SWEEP_MS = 60_000;

export class KeptSweep {
  readonly #parts: Parts;
  readonly #timers: Timers;
  readonly #onFailure: (error: unknown) => void;
  #callOff: () => void = () => {};
  #closed = false;

  /** Sweeps for the first time at once: pods may have ended while no agent ran. */
  constructor(parts: Parts, timers: Timers, onFailure: (error: unknown) => void) {
    this.#parts = parts;
    this.#timers = timers;
    this.#onFailure = onFailure;
    void this.#sweep();
  }

  /** A pod of this node was deleted, or has finished. Never throws. */
  podGone(namespace: string, name: string): void {
    const claims = this.#parts.ledger.claimsOfPod(namespace, name);
    if (claims.some(({ kept }) => kept === true)) {
      void this.#free(namespace, name);
    }
  }

  close(): void {
    this.#closed = true;
    this.#callOff();
  }

  /** One pod after the other: nobody waits for it, and the API server has others to serve. */
  async #sweep(): Promise<void> {
    for (const [namespace, name] of this.#podsWithKept()) {
      if (this.#closed) {
        return;
      }
      await this.#free(namespace, name);
    }
    if (!this.#closed) {
      this.#callOff = this.#timers.after(SWEEP_MS, () => void this.#sweep());
    }
  }

  #podsWithKept(): readonly (readonly [namespace: string, name: string])[] {
    const pods = new Map<string, readonly [string, string]>();
    for (const { kept, node, owner } of this.#parts.ledger.claims()) {
      if (kept === true && node === this.#parts.node) {
        pods.set(`${owner.namespace}/${owner.pod}`, [owner.namespace, owner.pod]);
      }
    }
    return [...pods.values()];
  }

  /** What fails is tried again at the next sweep. */
  async #free(namespace: string, name: string): Promise<void> {
    try {
      await freeKept(this.#parts, namespace, name);
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
