/** The walk through the first tutorials: an agent in a scratch folder, and every command of theirs. */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Shell } from './shell.ts';

/** Resolves to the exit code. Without `once` the agent stays up until it is interrupted. */
export async function walk(_shell: Shell, _options: { once: boolean }): Promise<number> {
  throw new OrbweaverError('UNSUPPORTED_REQUEST', 'the walk is not written yet');
}
