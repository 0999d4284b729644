/** What calicoctl says of a change that succeeded, for the command that is called by its name. */

/**
 * One line for all objects that a command changed: `Successfully applied 2 'IPPool' resource(s)`. `kinds` has the
 * kind of each; several kinds are not named.
 */
export function successLine(done: string, kinds: readonly string[]): string {
  const [kind] = kinds;
  const named = new Set(kinds).size === 1 ? `'${kind}' ` : '';
  const noun = done === 'patched' ? 'resource' : 'resource(s)';
  return `Successfully ${done} ${kinds.length} ${named}${noun}\n`;
}
