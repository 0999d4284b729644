/** `orbweaver create …`. */
import type { Command } from 'commander';
import { OrbweaverError } from '../catalogue/errors.ts';
import { type FileOptions, sendManifests, sendObject } from './apply.ts';
import { declareCommand, withFiles, withNamespace, withTarget } from './command.ts';
import { deploymentOf, readReplicas } from './generated-object.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

interface DeploymentOptions extends TargetOptions {
  readonly image: string[];
  readonly replicas: number;
  readonly namespace: string;
}

/** Declares `orbweaver create`; its action writes to the shell. */
export function createCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'create',
    summary:
      'Create a namespace, a Deployment, or the objects of manifests, none of which may exist yet',
    examples: [
      'create namespace test-ns',
      'create deployment my-deploy --image=nginx --replicas=3',
      'create -f nginx-dp.yaml',
    ],
  });
  withTarget(withFiles(command, false));
  command.option('-n, --namespace <name>', 'the namespace of objects that state none');
  if (shell.face === 'calicoctl') {
    command.option('--skip-exists', 'an object that is there is no failure');
  }
  command.action((options: Partial<FileOptions>) => {
    if (options.filename === undefined) {
      const what = 'create needs -f FILE, `namespace NAME` or `deployment NAME --image=IMAGE`';
      throw new OrbweaverError('USAGE', what);
    }
    return sendManifests(shell, { ...options, filename: options.filename }, 'create');
  });
  return command.addCommand(createNamespace(shell)).addCommand(createDeployment(shell));
}

function createNamespace(shell: Shell): Command {
  const command = declareCommand({
    usage: 'namespace <name>',
    summary: 'Create a namespace',
    examples: ['create namespace test-ns'],
  }).alias('ns');
  return withTarget(command).action((name: string, options: TargetOptions) =>
    sendObject(shell, options, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
  );
}

function createDeployment(shell: Shell): Command {
  const command = declareCommand({
    usage: 'deployment <name>',
    summary: 'Create a Deployment, which is expanded once into its pods',
    more: 'Nothing runs an image here; it is kept and shown.',
    examples: ['create deployment my-deploy --image=nginx', 'create deploy web --image=nginx -r 3'],
  }).alias('deploy');
  return withTarget(withNamespace(command))
    .requiredOption(
      '--image <image>',
      'the image of a container; may be repeated',
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    )
    .option('-r, --replicas <count>', 'how many pods', readReplicas, 1)
    .action((name: string, options: DeploymentOptions) =>
      sendObject(shell, options, deploymentOf(name, options)),
    );
}
