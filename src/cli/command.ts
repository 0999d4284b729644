/** How commands are declared: each with examples, and with the options that several share. */
import { Command } from 'commander';

export interface CommandWords {
  /** Name and arguments in commander's form: `get <kinds> [names...]`. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Further sentences for the command's own help. */
  readonly more?: string;
  /** Command lines without the leading `orbweaver`, most ordinary first. */
  readonly examples: readonly string[];
}

/** A command with its help complete. */
export function declareCommand(words: CommandWords): Command {
  const examples = words.examples.map((example) => `  orbweaver ${example}`).join('\n');
  const [name, ...parts] = words.usage.split(' ');
  const command = new Command(name);
  for (const part of parts) {
    command.argument(part);
  }
  return command
    .summary(words.summary)
    .description(words.more === undefined ? `${words.summary}.` : `${words.summary}. ${words.more}`)
    .addHelpText('after', `\nExamples:\n${examples}`)
    .allowExcessArguments(false);
}

/** Adds `--socket`. */
export function withSocket(command: Command): Command {
  return command.option(
    '--socket <path>',
    "the agent's socket (default: $ORBWEAVER_SOCKET, else /run/orbweaver/cni.sock)",
  );
}

/** Adds `--socket` and `--kubeconfig`: who answers. */
export function withTarget(command: Command): Command {
  return withSocket(command).option(
    '--kubeconfig <file>',
    'ask the API server that this file leads to, without an agent',
  );
}

/** Adds `-n`; commands that list have `-A` as well. */
export function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <name>', 'the namespace', 'default');
}

/** Adds `-f`, which may be repeated. */
export function withFiles(command: Command, required: boolean): Command {
  const flags = '-f, --filename <path>';
  const help = 'a file or folder of manifests, or - for standard input; may be repeated';
  const gather = (value: string, before: string[] | undefined) => [...(before ?? []), value];
  return (
    required ? command.requiredOption(flags, help, gather) : command.option(flags, help, gather)
  ).option('-R, --recursive', 'look into folders of folders');
}
