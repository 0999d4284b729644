/** `orbweaver walk`, which is `npm start`. */
import type { Command } from 'commander';
import { declareCommand } from './command.ts';
import type { Shell } from './shell.ts';
import type { RunCommand } from './walk/guide.ts';
import { ALL, STORIES } from './walk/stories.ts';

/** `runCommand` runs the other commands: a walk shows what users type. */
export function walkCommand(shell: Shell, runCommand: RunCommand): Command {
  const names = STORIES.map(({ name, title }) => `\n  ${name.padEnd(34)} ${title}`).join('');
  return declareCommand({
    usage: 'walk [names...]',
    summary: 'Start an agent in a scratch folder and walk through tutorials',
    more:
      "As root, with Debian's containernetworking-plugins, pods are real network namespaces. " +
      'Everything is removed at the end; exit code 1 says that something came out differently. ' +
      `Without a name the first two are walked; ${ALL} walks every one, TUTORIAL all of its parts.`,
    examples: ['walk', 'walk --once', 'walk pod-affinity --once', 'walk all --once --no-netns'],
  })
    .addHelpText('after', `\nWalks:${names}`)
    .option('--once', 'end after the walk instead of leaving an agent up')
    .option('--no-netns', 'no network namespaces, even where they could be made')
    .action(async (words: string[], options: { once?: boolean; netns: boolean }) => {
      const { walk } = await import('./walk/walk.ts');
      shell.exitCode = await walk(
        shell,
        { names: words, once: options.once === true, namespaces: options.netns },
        runCommand,
      );
    });
}
