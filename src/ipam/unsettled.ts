/**
 * A ledger across a network may not know how a write ended: a request that timed out can still land (rule 2).
 * The caller is answered in time, and the calls behind it wait until the outcome stands.
 */
import { OrbweaverError } from '../catalogue/errors.ts';

export class UnsettledError extends OrbweaverError {
  /** Resolves, and never rejects, once nothing of the call can change the ledger any more. */
  readonly settled: Promise<void>;

  /** An API_SERVER_AWAY whose outcome is still open. */
  constructor(message: string, settled: Promise<void>) {
    super('API_SERVER_AWAY', message);
    this.settled = settled;
  }
}

/**
 * The call itself; `after` runs before its caller hears of the outcome, or, where that is still open, as soon
 * as it stands.
 */
export function onceSettled<T>(call: Promise<T>, after: () => void): Promise<T> {
  return call.then(
    (value) => {
      after();
      return value;
    },
    (error: unknown) => {
      if (error instanceof UnsettledError) {
        void error.settled.then(after);
      } else {
        after();
      }
      throw error;
    },
  );
}
