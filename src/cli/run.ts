/** `orbweaver run NAME --image=…`. */
import { type Command, InvalidArgumentError } from 'commander';
import { sendObject } from './apply.ts';
import { declareCommand, withNamespace, withTarget } from './command.ts';
import { podOf } from './generated-object.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

interface RunOptions extends TargetOptions {
  readonly image: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Declares `orbweaver run`; its action writes to the shell. */
export function runPodCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'run <name>',
    summary: 'Create a pod',
    more: 'Nothing runs an image here: the pod waits for a runtime that asks for its address.',
    examples: [
      'run nginx --image=nginx -n external-ns',
      `run web --image=nginx --annotations 'ipam.spidernet.io/ippool={"ipv4":["pool-a"]}'`,
    ],
  });
  return withTarget(withNamespace(command))
    .requiredOption('--image <image>', 'the image of its container')
    .option(
      '-l, --labels <pairs>',
      'KEY=VALUE, several with commas (default: run=NAME)',
      readLabels,
    )
    .option('--annotations <pair>', 'KEY=VALUE; may be repeated', readAnnotation)
    .action((name: string, options: RunOptions) =>
      sendObject(shell, options, podOf(name, options)),
    );
}

function readLabels(text: string): Record<string, string> {
  return Object.assign({}, ...text.split(',').map(readPair));
}

function readAnnotation(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  return { ...before, ...readPair(text) };
}

function readPair(text: string): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) {
    throw new InvalidArgumentError('It is KEY=VALUE.');
  }
  return Object.fromEntries([[text.slice(0, at), text.slice(at + 1)]]);
}
