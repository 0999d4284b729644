/** `orbweaver …`: declares the commands and turns what happens into an exit code. */
import { Command } from 'commander';
import { OrbweaverError } from '../catalogue/errors.ts';
import { agentCommand } from './agent.ts';
import { annotateCommand, labelCommand } from './annotate.ts';
import { applyCommand } from './apply.ts';
import { createCommand } from './create.ts';
import { deleteCommand } from './delete.ts';
import { describeCommand } from './describe.ts';
import { explainCommand } from './explain.ts';
import { reportError } from './failure.ts';
import { getCommand } from './get.ts';
import { ipamCommand } from './ipam.ts';
import { patchCommand } from './patch.ts';
import { processShell, type Shell } from './shell.ts';
import { processTerminal } from './terminal.ts';
import { versionCommand } from './version.ts';
import { walkCommand } from './walk-command.ts';

/** Runs one command line, without `node` and the script's name. Resolves to the exit code, never rejects. */
export async function main(args: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  const shell = processShell(terminal);
  try {
    await declareProgram(shell).parseAsync(args, { from: 'user' });
    return shell.exitCode;
  } catch (error) {
    return reportError(error, terminal);
  }
}

function declareProgram(shell: Shell): Command {
  const program = new Command('orbweaver')
    .description('IP address management for Kubernetes pods and plain CNI.')
    .addHelpText(
      'after',
      `
Examples:
  orbweaver agent --state ./state --socket ./run/cni.sock --node node1 --manifests pools.yaml
  orbweaver apply -f pools.yaml
  orbweaver get sp -o wide
  orbweaver explain pod web-0 -n shop

Every command has a --help of its own with examples.`,
    );
  for (const declare of [
    agentCommand,
    applyCommand,
    createCommand,
    deleteCommand,
    getCommand,
    describeCommand,
    annotateCommand,
    labelCommand,
    patchCommand,
    explainCommand,
    ipamCommand,
    walkCommand,
    versionCommand,
  ]) {
    program.addCommand(declare(shell));
  }
  for (const command of everyCommand(program)) {
    refuseInOneLine(command, shell);
  }
  return program;
}

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
