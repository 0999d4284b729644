/** Errors as one line for a person, and as an exit code for a script. */
import { CommanderError } from 'commander';
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Terminal } from './terminal.ts';

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** `error: CODE: message (details). hint` on one line. */
export function describeError(error: OrbweaverError): string {
  const details = error.details === '' ? '' : ` (${error.details})`;
  // Some texts of Calico's and commander's are sentences with a full stop of their own.
  const said = `${error.message}${details}`.trimEnd().replace(/\.$/, '');
  return `error: ${error.code}: ${said}. ${error.row.hint}`.replace(/\s+/g, ' ');
}

/**
 * Writes the error and returns the exit code: 0 for a request for help, 2 for a wrong command line.
 */
export function reportError(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    // Help and version have been printed already; so has what is wrong with the arguments.
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  const known =
    error instanceof OrbweaverError
      ? error
      : new OrbweaverError('INTERNAL', error instanceof Error ? error.message : String(error));
  terminal.err(`${terminal.red(describeError(known))}\n`);
  if (process.env.ORBWEAVER_DEBUG !== undefined && error instanceof Error) {
    terminal.err(`${error.stack}\n`);
  }
  return known.code === 'USAGE' ? EXIT_USAGE : EXIT_FAILURE;
}
