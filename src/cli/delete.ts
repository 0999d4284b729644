/** `orbweaver delete …`. */
import type { Command } from 'commander';
import { readManifestFiles } from '../agent/manifest-files.ts';
import type {
  DeleteResponse,
  DeleteResult,
  ObjectRef,
  ObjectsResponse,
} from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { kindById, kindOf } from '../dialect/kinds.ts';
import { successLine } from './calicoctl-words.ts';
import { declareCommand, withFiles, withTarget } from './command.ts';
import { describeError } from './failure.ts';
import { meets, readLabelQuery } from './label-query.ts';
import { qualifiedKind, readTargets, refOf } from './object-name.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

interface DeleteOptions extends TargetOptions {
  readonly filename?: string[];
  readonly recursive?: boolean;
  readonly namespace?: string;
  readonly selector?: string;
  readonly all?: boolean;
  readonly ignoreNotFound?: string | boolean;
  /** calicoctl's word for the same. */
  readonly skipNotExists?: boolean;
}

/** Declares `orbweaver delete`; its action writes to the shell. */
export function deleteCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'delete [targets...]',
    summary: 'Delete objects by name, by label or by manifest',
    more: 'A namespace takes its pods and workloads with it; a pool in use goes with its last address.',
    examples: [
      'delete -f pools.yaml --ignore-not-found=true',
      'delete sp test-ns-ipv4-ippool',
      'delete pod web-0 web-1 -n shop',
      'delete ns test-ns',
    ],
  });
  withTarget(withFiles(command, false));
  if (shell.face === 'calicoctl') {
    command.option('--skip-not-exists', 'an object that is not there is no failure');
  }
  return command
    .option('-n, --namespace <name>', 'the namespace')
    .option('-l, --selector <query>', 'objects with these labels')
    .option('--all', 'every object of the kind in the namespace')
    .option('--ignore-not-found [bool]', 'an object that is not there is no failure')
    .action((targets: string[], options: DeleteOptions) => run(shell, targets, options));
}

async function run(shell: Shell, targets: string[], options: DeleteOptions): Promise<void> {
  const refs =
    options.filename === undefined
      ? await refsOfTargets(shell, targets, options)
      : refsOfFiles(shell, options.filename, options);
  const { results } = await shell.agent(options).post<DeleteResponse>('/v1/delete', { refs });
  const ignoreMissing =
    options.skipNotExists === true ||
    (options.ignoreNotFound !== undefined && String(options.ignoreNotFound) !== 'false');
  for (const result of results) {
    report(shell, result, ignoreMissing);
  }
  const gone = results.filter(({ action }) => action === 'deleted' || action === 'terminating');
  if (shell.face === 'calicoctl' && gone.length > 0) {
    const kinds = gone.map(({ ref }) => kindById(ref.kind).kinds[0]!);
    shell.terminal.out(successLine('deleted', kinds));
  }
}

async function refsOfTargets(
  shell: Shell,
  words: readonly string[],
  options: DeleteOptions,
): Promise<ObjectRef[]> {
  const namespace = options.namespace ?? 'default';
  const refs: ObjectRef[] = [];
  for (const { kind, name } of readTargets(words)) {
    if (name !== undefined) {
      refs.push(refOf(kind, name, namespace));
      continue;
    }
    if (options.all !== true && options.selector === undefined) {
      throw new OrbweaverError(
        'USAGE',
        `which ${kind.plural}? name them, or give -l QUERY or --all`,
      );
    }
    const query = readLabelQuery(options.selector ?? '');
    const { objects } = await shell.agent(options).get<ObjectsResponse>('/v1/objects', {
      kind: kind.id,
      ...(kind.namespaced ? { namespace } : {}),
    });
    const chosen = objects.filter((object) => meets(query, object.metadata.labels));
    refs.push(...chosen.map((object) => refOf(kind, object.metadata.name, namespace)));
  }
  return refs;
}

function refsOfFiles(shell: Shell, names: string[], options: DeleteOptions): ObjectRef[] {
  const sourced = readManifestFiles(names, {
    folder: shell.folder,
    recursive: options.recursive === true,
  });
  return sourced.map(({ object }) => {
    const namespace = object.metadata.namespace ?? options.namespace ?? 'default';
    return refOf(kindOf(object), object.metadata.name, namespace);
  });
}

function report(shell: Shell, result: DeleteResult, ignoreMissing: boolean): void {
  const kind = kindById(result.ref.kind);
  const name = `${qualifiedKind(kind.apiVersions[0]!, kind.kinds[0]!)} "${result.ref.name}"`;
  if (result.action === 'deleted') {
    if (shell.face === 'orbweaver') {
      shell.terminal.out(`${name} deleted\n`);
    }
  } else if (result.action === 'terminating') {
    shell.terminal.out(`${name} is being deleted: it goes with its last address\n`);
  } else if (result.action !== 'missing' || !ignoreMissing) {
    const error =
      result.error === undefined
        ? new OrbweaverError('OBJECT_NOT_FOUND', `${name} not found`)
        : new OrbweaverError(result.error.code, result.error.message, result.error.details);
    shell.terminal.err(`${shell.terminal.red(describeError(error))}\n`);
    shell.exitCode = 1;
  }
}
