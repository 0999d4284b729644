/** `orbweaver create …`. */
import type { Command } from 'commander';
import type { ApplyResponse } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { type FileOptions, sendManifests } from './apply.ts';
import { declareCommand, withFiles, withSocket } from './command.ts';
import { objectName } from './object-name.ts';
import type { Shell, SocketOption } from './shell.ts';

/** Declares `orbweaver create`; its action writes to the shell. */
export function createCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'create',
    summary: 'Create a namespace, or the objects of manifests that must not exist yet',
    examples: ['create namespace test-ns', 'create -f nginx-dp.yaml'],
  });
  withSocket(withFiles(command, false));
  command.option('-n, --namespace <name>', 'the namespace of objects that state none');
  command.action((options: Partial<FileOptions>) => {
    if (options.filename === undefined) {
      throw new OrbweaverError('USAGE', 'create needs -f FILE, or `namespace NAME`');
    }
    return sendManifests(shell, { ...options, filename: options.filename }, 'create');
  });
  return command.addCommand(createNamespace(shell));
}

function createNamespace(shell: Shell): Command {
  const command = declareCommand({
    usage: 'namespace <name>',
    summary: 'Create a namespace',
    examples: ['create namespace test-ns'],
  }).alias('ns');
  return withSocket(command).action(async (name: string, options: SocketOption) => {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    const { results } = await shell
      .agent(options)
      .post<ApplyResponse>('/v1/apply', { objects: [object], mode: 'create' });
    const [result] = results;
    if (result?.error !== undefined) {
      throw new OrbweaverError(result.error.code, result.error.message, result.error.details);
    }
    shell.terminal.out(`${objectName({ ...object, name })} created\n`);
  });
}
