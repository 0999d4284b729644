/** `orbweaver walk`, which is `npm start`. */
import type { Command } from 'commander';
import { declareCommand } from './command.ts';
import type { Shell } from './shell.ts';

export function walkCommand(shell: Shell): Command {
  return declareCommand({
    usage: 'walk',
    summary: 'Start an agent in a scratch folder and walk through the first tutorials',
    examples: ['walk', 'walk --once'],
  })
    .option('--once', 'end after the walk')
    .action(async (options: { once?: boolean }) => {
      const { walk } = await import('./walk.ts');
      shell.exitCode = await walk(shell, { once: options.once === true });
    });
}
