/** In words, what this machine lacks for a control plane or for nodes, so that tests are skipped by name. */
import { absentPrograms, commandOnPath } from './binaries.ts';
import type { Program } from './release.ts';

/** Command → the Debian package that has it. */
const COMMANDS: Readonly<Record<string, string>> = {
  openssl: 'openssl',
  setpriv: 'util-linux',
};

/** What a control plane lacks here; empty: nothing. Programs that could be built count as missing until they are. */
export function missingParts(
  programs: readonly Program[] = [
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubectl',
  ],
): string[] {
  return [...absentCommands(COMMANDS), ...absentProgramsInWords(programs)];
}

/** Those of the commands that PATH has not, with the package to install. */
export function absentCommands(commands: Readonly<Record<string, string>>): string[] {
  return Object.entries(commands)
    .filter(([command]) => commandOnPath(command) === undefined)
    .map(([command, from]) => `${command} is missing (Debian package ${from})`);
}

function absentProgramsInWords(programs: readonly Program[]): string[] {
  const absent = absentPrograms(programs);
  if (absent.length === 0) return [];
  const remedy =
    commandOnPath('go') === undefined ? 'and go, to build them' : 'npm run cluster -- build';
  return [`missing: ${absent.join(', ')} (${remedy})`];
}
