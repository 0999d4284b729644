/** `orbweaver get …`. */
import { type Command, Option } from 'commander';
import type { ObjectsResponse } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { columnsFor, type Era } from '../dialect/columns.ts';
import type { Kind } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { formatJson, formatYaml } from '../dialect/manifest.ts';
import { declareCommand, withTarget } from './command.ts';
import { describeError } from './failure.ts';
import { meets, readLabelQuery } from './label-query.ts';
import { objectName, readTargets, type Target } from './object-name.ts';
import type { Shell } from './shell.ts';
import { alignedTable } from './table.ts';
import type { TargetOptions } from './target.ts';

interface GetOptions extends TargetOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly output?: 'wide' | 'yaml' | 'json' | 'name';
  readonly headers: boolean;
  readonly layout: Era;
}

/** Objects of one kind, in the order to show. */
interface Group {
  readonly kind: Kind;
  readonly objects: KubeObject[];
}

/** Declares `orbweaver get`; its action writes to the shell. */
export function getCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'get <targets...>',
    summary: 'Show objects',
    more:
      'sp: SpiderIPPool, se: SpiderEndpoint, spl and swe: their older forms, ippool: Calico’s. ' +
      'Pools and endpoints show what the agent knows at this moment.',
    examples: [
      'get sp',
      'get se -n test-ns',
      'get ippool -o wide',
      'get pods -A -l app=web -o wide',
      'get sp pool-a -o yaml',
    ],
  });
  return withTarget(command)
    .option('-n, --namespace <name>', 'the namespace', 'default')
    .option('-A, --all-namespaces', 'objects of every namespace')
    .option('-l, --selector <query>', 'objects with these labels')
    .option('--no-headers', 'rows only')
    .addOption(new Option('-o, --output <form>').choices(['wide', 'yaml', 'json', 'name']))
    .addOption(
      new Option('--layout <name>', "of Calico's tables: as in its older or its present versions")
        .choices(['classic', 'current'])
        .default('classic'),
    )
    .action((words: string[], options: GetOptions) => run(shell, words, options));
}

async function run(shell: Shell, words: string[], options: GetOptions): Promise<void> {
  const targets = readTargets(words);
  const groups: Group[] = [];
  for (const target of targets) {
    const objects = await readTarget(shell, target, options);
    const group = groups.find(({ kind }) => kind === target.kind);
    if (group === undefined) {
      groups.push({ kind: target.kind, objects });
    } else {
      group.objects.push(...objects);
    }
  }
  print(shell, groups, targets, options);
}

/** What is not there is reported and leaves exit code 1; the rest is shown. */
async function readTarget(
  shell: Shell,
  { kind, name }: Target,
  options: GetOptions,
): Promise<KubeObject[]> {
  const query = readLabelQuery(options.selector ?? '');
  const everywhere = !kind.namespaced || options.allNamespaces === true;
  if (name !== undefined && options.allNamespaces === true && kind.namespaced) {
    throw new OrbweaverError('USAGE', 'a name and --all-namespaces do not go together');
  }
  try {
    const { objects } = await shell.agent(options).get<ObjectsResponse>('/v1/objects', {
      kind: kind.id,
      name,
      namespace: everywhere ? undefined : options.namespace,
      full: options.output === 'yaml' || options.output === 'json' ? 'true' : undefined,
    });
    return objects.filter((object) => meets(query, object.metadata.labels));
  } catch (error) {
    if (!(error instanceof OrbweaverError) || error.code !== 'OBJECT_NOT_FOUND') {
      throw error;
    }
    shell.terminal.err(`${shell.terminal.red(describeError(error))}\n`);
    shell.exitCode = 1;
    return [];
  }
}

function print(
  shell: Shell,
  groups: readonly Group[],
  targets: readonly Target[],
  options: GetOptions,
): void {
  const objects = groups.flatMap((group) => group.objects);
  const list = targets.some(({ name }) => name === undefined) || objects.length !== 1;
  switch (options.output) {
    case 'json':
      shell.terminal.out(formatJson(objects, list));
      return;
    case 'yaml':
      shell.terminal.out(formatYaml(objects, list));
      return;
    case 'name':
      for (const { apiVersion, kind, metadata } of objects) {
        shell.terminal.out(`${objectName({ apiVersion, kind, name: metadata.name })}\n`);
      }
      return;
    default:
      if (objects.length === 0) {
        reportNothing(shell, groups, options);
        return;
      }
      shell.terminal.out(
        groups
          .filter((group) => group.objects.length > 0)
          .map((group) => groupTable(group, options))
          .join('\n'),
      );
  }
}

function reportNothing(shell: Shell, groups: readonly Group[], options: GetOptions): void {
  if (shell.exitCode === 0) {
    const inNamespace = groups.some(({ kind }) => kind.namespaced) && !options.allNamespaces;
    const where = inNamespace ? ` in ${options.namespace} namespace` : '';
    shell.terminal.err(`No resources found${where}.\n`);
  }
}

function groupTable({ kind, objects }: Group, options: GetOptions): string {
  const columns = columnsFor(kind.id, options.output === 'wide', options.layout);
  const withNamespace = kind.namespaced && options.allNamespaces === true;
  const now = Date.now();
  const rows = objects.map((object) => [
    ...(withNamespace ? [object.metadata.namespace ?? ''] : []),
    ...columns.map((column) => column.value(object, now)),
  ]);
  const header = [
    ...(withNamespace ? ['NAMESPACE'] : []),
    ...columns.map((column) => column.header),
  ];
  const table = alignedTable(header, rows);
  return options.headers ? table : table.slice(table.indexOf('\n') + 1);
}
