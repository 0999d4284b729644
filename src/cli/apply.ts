/** `orbweaver apply -f …`. */
import type { Command } from 'commander';
import { readManifestFiles, type SourcedObject } from '../agent/manifest-files.ts';
import type { ApplyRequest, ApplyResponse, ApplyResult } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { KINDS } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { successLine } from './calicoctl-words.ts';
import { declareCommand, withFiles, withTarget } from './command.ts';
import { describeError } from './failure.ts';
import { objectName } from './object-name.ts';
import { openProgress } from './progress.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

/**
 * Objects in one request: few enough that progress is seen, many enough that requests cost nothing.
 */
const BATCH = 250;

export interface FileOptions extends TargetOptions {
  readonly filename: string[];
  readonly recursive?: boolean;
  readonly namespace?: string;
  /** Of calicoctl's `create`. */
  readonly skipExists?: boolean;
}

/** Declares `orbweaver apply`; its action writes to the shell. */
export function applyCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'apply',
    summary: 'Create or change the objects of manifests',
    more:
      'Deployments, StatefulSets, DaemonSets, ReplicaSets and Jobs are expanded once into their pods, spread over the ' +
      `applied nodes. Kinds kept here: ${[...new Set(KINDS.filter((kind) => !kind.projected).map((kind) => kind.kinds[0]))].join(', ')}.`,
    examples: ['apply -f pools.yaml', 'apply -f pools/ -f pods.yaml', 'apply -f - < pools.yaml'],
  });
  withTarget(withFiles(command, true));
  command.option('-n, --namespace <name>', 'the namespace of objects that state none');
  return command.action((options: FileOptions) => sendManifests(shell, options, 'apply'));
}

/** Declares `orbweaver replace`; its action writes to the shell. */
export function replaceCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'replace',
    summary: 'Change the objects of manifests, all of which must exist',
    examples: ['replace -f pools.yaml'],
  });
  withTarget(withFiles(command, true));
  command.option('-n, --namespace <name>', 'the namespace of objects that state none');
  return command.action((options: FileOptions) => sendManifests(shell, options, 'replace'));
}

/** What calicoctl calls that which a mode does. */
const DONE = { apply: 'applied', create: 'created', replace: 'replaced' } as const;

/** Sends the manifests in batches and reports every object; failures leave exit code 1. */
export async function sendManifests(
  shell: Shell,
  options: FileOptions,
  mode: ApplyRequest['mode'],
): Promise<void> {
  const sourced = readManifestFiles(options.filename, {
    folder: shell.folder,
    recursive: options.recursive === true,
  });
  if (sourced.length === 0) {
    throw new OrbweaverError('USAGE', `no objects in ${options.filename.join(', ')}`);
  }
  const objects = sourced.map((item) => placeInNamespace(item, options.namespace));
  const agent = shell.agent(options);
  const progress = openProgress();
  const changed: string[] = [];
  for (let at = 0; at < objects.length; at += BATCH) {
    const request: ApplyRequest = { objects: objects.slice(at, at + BATCH), mode };
    const { results } = await agent.post<ApplyResponse>('/v1/apply', request);
    for (const result of results) {
      if (reportResult(shell, result, options.skipExists === true)) {
        changed.push(result.object.kind);
      }
    }
    progress.update(`${at + request.objects.length} of ${objects.length} objects`);
  }
  progress.end();
  if (shell.face === 'calicoctl' && changed.length > 0) {
    shell.terminal.out(successLine(DONE[mode], changed));
  }
}

/** Creates one object that a command line describes. Throws the error that it met. */
export async function sendObject(
  shell: Shell,
  options: TargetOptions,
  object: KubeObject,
): Promise<void> {
  const request: ApplyRequest = { objects: [object], mode: 'create' };
  const { results } = await shell.agent(options).post<ApplyResponse>('/v1/apply', request);
  for (const { error } of results) {
    if (error !== undefined) {
      throw new OrbweaverError(error.code, error.message, error.details);
    }
  }
  for (const result of results) {
    reportResult(shell, result);
  }
}

/** Reports one object; whether it succeeded. */
function reportResult(shell: Shell, result: ApplyResult, skipExists = false): boolean {
  for (const warning of result.warnings) {
    shell.terminal.err(`${shell.terminal.yellow(`Warning: ${warning}`)}\n`);
  }
  if (result.error !== undefined) {
    const { code, message, details } = result.error;
    if (code !== 'OBJECT_EXISTS' || !skipExists) {
      const text = describeError(new OrbweaverError(code, message, details));
      shell.terminal.err(`${shell.terminal.red(text)}\n`);
      shell.exitCode = 1;
    }
    return false;
  }
  if (shell.face === 'orbweaver') {
    shell.terminal.out(`${objectName(result.object)} ${result.action}\n`);
  }
  return true;
}

/**
 * The object in the namespace of `-n` where it states none. Throws USAGE where it states another.
 */
function placeInNamespace({ object, source }: SourcedObject, namespace: string | undefined) {
  const stated = object.metadata.namespace;
  if (namespace === undefined || stated === namespace) {
    return object;
  }
  if (stated !== undefined) {
    throw new OrbweaverError(
      'USAGE',
      `${source}: ${object.kind} ${object.metadata.name} states the namespace ${stated}, but -n says ${namespace}`,
    );
  }
  return { ...object, metadata: { ...object.metadata, namespace } };
}
