/** `orbweaver explain pod …`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { readManifestFiles } from '../agent/manifest-files.ts';
import type { ExplainRequest, ExplainResponse } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { declareCommand, withNamespace, withTarget } from './command.ts';
import { explanationText } from './explain-text.ts';
import { readTargets } from './object-name.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

interface ExplainOptions extends TargetOptions {
  readonly namespace: string;
  readonly filename?: string;
  readonly node?: string;
  readonly interface: string;
  readonly calledAs: string;
  readonly config?: string;
  readonly output?: 'json';
}

/** Declares `orbweaver explain`; its action writes to the shell. */
export function explainCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'explain [target...]',
    summary: 'Say which address a pod would get and why, or why none',
    more: 'It runs the code of ADD and claims nothing.',
    examples: [
      'explain pod web-0 -n shop',
      'explain -f pod.yaml --node node2',
      'explain pod web-0 --interface net1 -o json',
    ],
  });
  return withTarget(withNamespace(command))
    .option('-f, --filename <path>', 'the manifest of a pod that need not exist')
    .option('--node <name>', 'as if it ran on this node')
    .option('--interface <name>', 'the interface that is asked for', 'eth0')
    .option('--config <path>', 'the network config, where it says something about addresses')
    .addOption(
      new Option('--called-as <name>', 'the name that the plugin is called by')
        .choices(['orbweaver', 'spiderpool', 'calico-ipam'])
        .default('orbweaver'),
    )
    .addOption(new Option('-o, --output <form>', 'for programs').choices(['json']))
    .action(async (words: string[], options: ExplainOptions) => {
      const requests =
        options.filename === undefined
          ? namedPods(words, options)
          : manifestPods(shell, options.filename, options);
      const agent = shell.agent(options);
      for (const request of requests) {
        const response = await agent.post<ExplainResponse>('/v1/explain', {
          ...request,
          ...shared(shell, options),
        });
        shell.terminal.out(
          options.output === 'json'
            ? `${JSON.stringify(response, undefined, 2)}\n`
            : explanationText(response, shell.terminal),
        );
      }
    });
}

type Pod = Pick<ExplainRequest, 'namespace' | 'name' | 'object'>;

function shared(shell: Shell, options: ExplainOptions): Omit<ExplainRequest, keyof Pod> {
  const { node, config } = options;
  return {
    interface: options.interface,
    calledAs: options.calledAs,
    ...(node === undefined ? {} : { node }),
    ...(config === undefined ? {} : { config: readConfig(resolve(shell.folder, config)) }),
  };
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new OrbweaverError('USAGE', `--config: ${(error as Error).message}`);
  }
}

function namedPods(words: readonly string[], options: ExplainOptions): Pod[] {
  return readTargets(words).map(({ kind, name }) => {
    if (kind.id !== 'Pod' || name === undefined) {
      throw new OrbweaverError(
        'USAGE',
        'name a pod, as in `explain pod web-0 -n shop`, or give -f',
      );
    }
    return { namespace: options.namespace, name };
  });
}

function manifestPods(shell: Shell, path: string, options: ExplainOptions): Pod[] {
  const objects = readManifestFiles([path], { folder: shell.folder }).map(({ object }) => object);
  const pods = objects.filter((object: KubeObject) => object.kind === 'Pod');
  if (pods.length === 0) {
    throw new OrbweaverError('USAGE', `${path}: no Pod in it`, 'explain works on pods');
  }
  return pods.map((object) => {
    const namespace = object.metadata.namespace ?? options.namespace;
    return {
      namespace,
      name: object.metadata.name,
      object: { ...object, metadata: { ...object.metadata, namespace } },
    };
  });
}
