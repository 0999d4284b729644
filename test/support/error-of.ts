import { OrbweaverError } from '../../src/catalogue/errors.ts';

/** The error that `act` throws. Fails where it throws none, or one that is not of the catalogue. */
export function errorOf(act: () => unknown): OrbweaverError {
  try {
    act();
  } catch (error) {
    if (error instanceof OrbweaverError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
