/** What a write's outcome means for the piece of work that it belongs to. */
import type { Log } from '../http/log.ts';
import type { ApiOutcome } from '../kube/api.ts';
import type { WorkEnd } from './work-queue.ts';

/** Refusals named; beyond that the first ones are named again. */
const NAMED_MAX = 1_000;

/**
 * Names what the API server refuses, each reason once until `forget`: a right that is missing is refused again
 * for every object there is.
 */
export class Refusals {
  readonly #log: Pick<Log, 'warn'>;
  readonly #named = new Set<string>();

  constructor(log: Pick<Log, 'warn'>) {
    this.#log = log;
  }

  name(what: string, place: string, reason: string): void {
    // Names of objects differ, and the reason repeats them.
    const key = `${what} ${reason.replaceAll(/"[^"]*"/g, '')}`;
    if (this.#named.size >= NAMED_MAX) {
      this.#named.clear();
    }
    if (!this.#named.has(key)) {
      this.#named.add(key);
      this.#log.warn({ object: place, reason }, `the API server refused ${what}`);
    }
  }

  forget(): void {
    this.#named.clear();
  }
}

/**
 * The end of a piece of work. `later`: what was read is old, and the watch brings what is new. What is refused
 * is left until it changes or the next full pass.
 */
export function endOf(
  outcome: ApiOutcome<unknown>,
  refusals: Refusals,
  what: string,
  place: string,
): WorkEnd {
  switch (outcome.kind) {
    case 'ok':
    case 'not-found':
      return 'done';
    case 'conflict':
    case 'test-failed':
      return 'later';
    case 'refused':
      refusals.name(what, place, outcome.reason);
      return 'done';
    default:
      return 'away';
  }
}
