/** `orbweaver …`: declares the commands and turns what happens into an exit code. */
import { Command, Option } from 'commander';
import { OrbweaverError } from '../catalogue/errors.ts';
import { reportError } from './failure.ts';
import { processShell, type Shell } from './shell.ts';
import { processTerminal } from './terminal.ts';

type Declare = (shell: Shell) => Command;

/**
 * Each command is loaded when it is called for: reading all of them takes longer than most take to
 * run.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Declare>>> = {
  agent: async () => (await import('./agent.ts')).agentCommand,
  controller: async () => (await import('./controller.ts')).controllerCommand,
  apply: async () => (await import('./apply.ts')).applyCommand,
  replace: async () => (await import('./apply.ts')).replaceCommand,
  create: async () => (await import('./create.ts')).createCommand,
  run: async () => (await import('./run.ts')).runPodCommand,
  delete: async () => (await import('./delete.ts')).deleteCommand,
  get: async () => (await import('./get.ts')).getCommand,
  describe: async () => (await import('./describe.ts')).describeCommand,
  annotate: async () => (await import('./annotate.ts')).annotateCommand,
  label: async () => (await import('./annotate.ts')).labelCommand,
  patch: async () => (await import('./patch.ts')).patchCommand,
  explain: async () => (await import('./explain.ts')).explainCommand,
  ipam: async () => (await import('./ipam.ts')).ipamCommand,
  backup: async () => (await import('./backup.ts')).backupCommand,
  walk: async () => {
    const { walkCommand } = await import('./walk-command.ts');
    return (shell) => walkCommand(shell, runCommand);
  },
  version: async () => (await import('./version.ts')).versionCommand,
};

/** Those that calicoctl has. */
const OF_CALICOCTL = [
  'get',
  'create',
  'apply',
  'replace',
  'delete',
  'patch',
  'label',
  'ipam',
  'version',
];

/**
 * Runs one command line, without `node` and the script's name. `calledAs` is the name that the script was called
 * by. Resolves to the exit code, never rejects.
 */
export async function main(args: readonly string[], calledAs = 'orbweaver'): Promise<number> {
  const face = calledAs === 'calicoctl' ? 'calicoctl' : 'orbweaver';
  const shell = processShell(processTerminal(), face);
  try {
    return await runCommand(shell, args);
  } finally {
    await shell.close();
  }
}

/** The same in a shell of the caller's. */
export async function runCommand(shell: Shell, args: readonly string[]): Promise<number> {
  try {
    const program = await declareProgram(shell, args[0]);
    await program.parseAsync(args, { from: 'user' });
    return shell.exitCode;
  } catch (error) {
    return reportError(error, shell.terminal);
  }
}

/** With the one command that `word` names; with all of them, for the help, where it names none. */
async function declareProgram(shell: Shell, word: string | undefined): Promise<Command> {
  const isCalicoctl = shell.face === 'calicoctl';
  const program = new Command(shell.face)
    .description('IP address management for Kubernetes pods and plain CNI.')
    .addHelpText('after', isCalicoctl ? CALICOCTL_HELP : HELP);
  const commands = Object.entries(COMMANDS).filter(
    ([name]) => !isCalicoctl || OF_CALICOCTL.includes(name),
  );
  const named = commands.filter(([name]) => name === word);
  for (const [, load] of named.length === 0 ? commands : named) {
    program.addCommand((await load())(shell));
  }
  for (const command of everyCommand(program)) {
    refuseInOneLine(command, shell);
    if (isCalicoctl && command.options.some(({ long }) => long === '--kubeconfig')) {
      command.addOption(new Option('-c, --config <file>', "calicoctl's configuration file"));
      command.addOption(new Option('--allow-version-mismatch').hideHelp());
    }
  }
  return program;
}

const HELP = `
Examples:
  orbweaver agent --state ./state --socket ./run/cni.sock --node node1 --manifests pools.yaml
  orbweaver apply -f pools.yaml
  orbweaver get sp -o wide
  orbweaver explain pod web-0 -n shop
  orbweaver get sp --kubeconfig ~/.kube/config
  orbweaver controller --kubeconfig ~/.kube/config

Every command has a --help of its own with examples.`;

const CALICOCTL_HELP = `
Examples:
  calicoctl apply -f pools.yaml
  calicoctl get ippool -o wide
  calicoctl ipam show --show-blocks

It asks the API server of --kubeconfig, of the file of --config, of $KUBECONFIG, or with DATASTORE_TYPE=kubernetes of
~/.kube/config; without any of these the agent of this node.`;

function* everyCommand(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) {
    yield* everyCommand(child);
  }
}

/** Commander would exit by itself and print in a form of its own. */
function refuseInOneLine(command: Command, shell: Shell): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => shell.terminal.out(text),
    writeErr: (text) => shell.terminal.err(text),
    outputError: (text) => {
      const message = text.replace(/^error: /, '').trim();
      reportError(new OrbweaverError('USAGE', message), shell.terminal);
    },
  });
}
