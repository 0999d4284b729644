/** `orbweaver annotate …` and `orbweaver label …`. */
import type { Command } from 'commander';
import type { AnnotateRequest, EditResponse } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { declareCommand, withNamespace, withTarget } from './command.ts';
import { readTargets, refName, refOf, type Target } from './object-name.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

interface EditOptions extends TargetOptions {
  readonly namespace: string;
  readonly overwrite?: string | boolean;
}

/** Declares `orbweaver annotate`; its action writes to the shell. */
export function annotateCommand(shell: Shell): Command {
  return editCommand(shell, 'annotate', 'annotated', [
    `annotate namespace external-ns cni.projectcalico.org/ipv4pools='["external-pool"]'`,
    `annotate ns shop ipam.spidernet.io/default-ipv4-ippool='["shop-pool"]' --overwrite`,
    'annotate pod web-0 -n shop ipam.spidernet.io/ippool-',
  ]);
}

/** Declares `orbweaver label`; its action writes to the shell. */
export function labelCommand(shell: Shell): Command {
  return editCommand(shell, 'label', 'labeled', [
    'label node node1 zone=a',
    'label ns test-ns team=blue --overwrite',
    'label ns test-ns team-',
  ]);
}

function editCommand(
  shell: Shell,
  verb: 'annotate' | 'label',
  done: string,
  examples: string[],
): Command {
  const command = declareCommand({
    usage: `${verb} <words...>`,
    summary: `Set or remove ${verb === 'label' ? 'labels' : 'annotations'} of an object`,
    more: 'KEY=VALUE sets, KEY- removes.',
    examples,
  });
  return withTarget(withNamespace(command))
    .option('--overwrite [bool]', 'replace a value that is there')
    .action(async (words: string[], options: EditOptions) => {
      const { target, changes } = splitWords(words);
      const request: AnnotateRequest = {
        ref: refOf(target.kind, target.name, options.namespace),
        ...readChanges(changes),
        overwrite: options.overwrite !== undefined && String(options.overwrite) !== 'false',
      };
      const response = await shell.agent(options).post<EditResponse>(`/v1/${verb}`, request);
      reportEdit(shell, refName(target.kind, target.name), response, done);
    });
}

/** Says what became of an edit; of one that changed nothing, that it did not. */
export function reportEdit(shell: Shell, name: string, response: EditResponse, done: string): void {
  for (const warning of response.warnings) {
    shell.terminal.err(`${shell.terminal.yellow(`Warning: ${warning}`)}\n`);
  }
  shell.terminal.out(`${name} ${response.changed ? done : `not ${done}`}\n`);
}

/** `ns test-ns a=b` or `ns/test-ns a=b`. */
function splitWords(words: readonly string[]): {
  target: Target & { name: string };
  changes: string[];
} {
  const count = words[0]?.includes('/') === true ? 1 : 2;
  const changes = words.slice(count);
  const [target] = readTargets(words.slice(0, count));
  if (target?.name === undefined || changes.length === 0) {
    throw new OrbweaverError('USAGE', 'name one object and at least one KEY=VALUE or KEY-');
  }
  return { target: { ...target, name: target.name }, changes };
}

function readChanges(changes: readonly string[]): Pick<AnnotateRequest, 'set' | 'remove'> {
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const change of changes) {
    const equals = change.indexOf('=');
    if (equals > 0) {
      set[change.slice(0, equals)] = change.slice(equals + 1);
    } else if (equals < 0 && change.length > 1 && change.endsWith('-')) {
      remove.push(change.slice(0, -1));
    } else {
      throw new OrbweaverError('USAGE', `${JSON.stringify(change)} is neither KEY=VALUE nor KEY-`);
    }
  }
  return { set, remove };
}
