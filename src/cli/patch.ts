/** `orbweaver patch …`. */
import { type Command, Option } from 'commander';
import type { EditResponse, PatchRequest } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { reportEdit } from './annotate.ts';
import { successLine } from './calicoctl-words.ts';
import { declareCommand, withNamespace, withTarget } from './command.ts';
import { readTargets, refName, refOf } from './object-name.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

interface PatchOptions extends TargetOptions {
  readonly namespace: string;
  readonly patch: string;
  readonly type: 'strategic' | 'merge' | 'json';
}

/** Declares `orbweaver patch`; its action writes to the shell. */
export function patchCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'patch <target...>',
    summary: 'Change fields of one object',
    more: 'A strategic patch is applied as a merge patch: lists are replaced, never merged.',
    examples: [
      `patch ippool external-pool -p '{"spec": {"disabled": true}}'`,
      `patch sp pool-a --type merge -p '{"spec": {"ips": ["172.18.41.40-172.18.41.45"]}}'`,
      `patch sp pool-a --type json -p '[{"op": "replace", "path": "/spec/disable", "value": true}]'`,
    ],
  });
  return withTarget(withNamespace(command))
    .requiredOption('-p, --patch <json>', 'the patch, as JSON')
    .addOption(
      new Option('--type <type>', 'the form of the patch')
        .choices(['strategic', 'merge', 'json'])
        .default('strategic'),
    )
    .action(async (words: string[], options: PatchOptions) => {
      const [target, ...others] = readTargets(words);
      if (target?.name === undefined || others.length > 0) {
        throw new OrbweaverError('USAGE', 'name one object, such as ippool external-pool');
      }
      const request: PatchRequest = {
        ref: refOf(target.kind, target.name, options.namespace),
        type: options.type === 'json' ? 'json' : 'merge',
        patch: readPatch(options.patch),
      };
      const response = await shell.agent(options).post<EditResponse>('/v1/patch', request);
      if (shell.face === 'calicoctl') {
        shell.terminal.out(successLine('patched', [target.kind.kinds[0]!]));
      } else {
        reportEdit(shell, refName(target.kind, target.name), response, 'patched');
      }
    });
}

function readPatch(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new OrbweaverError('USAGE', `-p is not JSON: ${(error as Error).message}`);
  }
}
