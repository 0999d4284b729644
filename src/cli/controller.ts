/** `orbweaver controller`. */
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { OrbweaverError } from '../catalogue/errors.ts';
import { declareCommand } from './command.ts';
import { PACKAGE_FOLDER } from './package-folder.ts';
import type { Shell } from './shell.ts';
import { ownVersion } from './version.ts';

interface ControllerOptions {
  readonly kubeconfig?: string;
  readonly inCluster?: boolean;
  readonly namespace: string;
  readonly listen?: string;
  readonly installCrds?: boolean;
  readonly webhookPort?: string;
  readonly webhookName?: string[];
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** Declares `orbweaver controller`; its action writes to the shell. */
export function controllerCommand(shell: Shell): Command {
  return declareCommand({
    usage: 'controller',
    summary: 'Keep what users read in a cluster up to date: endpoints, status of pools, Events',
    more:
      'Pods get and give back addresses without it. Of several controllers one leads, the others wait. It prints one ' +
      'line when it has started; SIGTERM and SIGINT end it.',
    examples: [
      'controller --kubeconfig ~/.kube/config',
      'controller --in-cluster --listen :9091 --webhook-port 9443',
    ],
  })
    .option('--kubeconfig <file>', 'how to reach the API server')
    .option('--in-cluster', 'reach it with the service account of the pod that this runs in')
    .option('--namespace <name>', 'where the Leases of agents and controllers are', 'orbweaver')
    .option('--listen <host:port>', 'serve /metrics, /healthz and /readyz over TCP')
    .option('--install-crds', 'make the kinds of the dialects that the cluster does not have')
    .option('--webhook-port <port>', 'also serve the admission webhook over HTTPS')
    .option(
      '--webhook-name <name>',
      "a name that the webhook's certificate is for; may be repeated (default: its Service in the namespace)",
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    )
    .addOption(
      new Option('--log-level <level>', 'of the log on standard error, one JSON object a line')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .action((options: ControllerOptions) => run(shell, options));
}

async function run(shell: Shell, options: ControllerOptions): Promise<void> {
  const { kubeconfig, inCluster = false, namespace, listen, webhookPort, logLevel } = options;
  if ((kubeconfig === undefined) === !inCluster) {
    throw new OrbweaverError('USAGE', 'say either --kubeconfig FILE or --in-cluster');
  }
  const port = webhookPort === undefined ? undefined : readPort(webhookPort);
  const { startController } = await import('../controller/controller.ts');
  const controller = await startController({
    namespace,
    logLevel,
    version: ownVersion(),
    ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(shell.folder, kubeconfig) }),
    ...(listen === undefined ? {} : { listen }),
    ...(options.installCrds === true ? { crds: join(PACKAGE_FOLDER, 'deploy', 'crds') } : {}),
    ...(port === undefined
      ? {}
      : {
          webhook: {
            port,
            ...(options.webhookName === undefined ? {} : { names: options.webhookName }),
          },
        }),
  });
  const parts = [
    `namespace ${namespace}`,
    ...(controller.tcp === undefined ? [] : [`metrics on ${controller.tcp}`]),
    ...(controller.webhookPort === undefined ? [] : [`webhook on port ${controller.webhookPort}`]),
  ];
  shell.terminal.out(`orbweaver controller started: ${parts.join(', ')}\n`);
  await controller.stopped;
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new OrbweaverError('USAGE', `--webhook-port ${JSON.stringify(text)} is not a port`);
  }
  return port;
}
