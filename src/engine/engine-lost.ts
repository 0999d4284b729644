/**
 * Thrown by the call in which the engine trapped, and by every later call on the same object: memory may be
 * half changed, so the instance is never entered again. Whoever owns it loads a new one and fills it from the
 * ledger (I2). `cause` is the trap.
 */
export class EngineLost extends Error {
  override readonly name = 'EngineLost';

  constructor(cause: unknown) {
    super('the engine trapped and was given up; load a new one and fill it from the ledger', {
      cause,
    });
  }
}
