/** Every command line of the documents that is said to run here is one: it is read, its files too, and sent. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AgentClient } from '../../src/cli/agent-client.ts';
import { runCommand } from '../../src/cli/main.ts';
import { PACKAGE_FOLDER } from '../../src/cli/package-folder.ts';
import { chooseStories } from '../../src/cli/walk/stories.ts';
import { read } from './tree.ts';

const EXAMPLES = readdirSync(join(PACKAGE_FOLDER, 'examples')).filter((name) => /^\d-/.test(name));

/** A command line as a POSIX shell splits it: quotes of both kinds, no variables. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map((match) =>
    match[0].replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double),
  );
}

/** Where the command came to, with nobody at the socket. */
async function outcomeOf(line: string, folder: string): Promise<string> {
  let printed = '';
  const print = (text: string) => {
    printed += text;
  };
  const same = (text: string) => text;
  const shell = {
    terminal: { out: print, err: print, bold: same, red: same, yellow: same, green: same },
    folder,
    face: 'orbweaver' as const,
    agent: () => new AgentClient(join(folder, 'no-agent.sock')),
    close: async () => {},
    exitCode: 0,
  };
  const [, ...args] = wordsOf(line);
  await runCommand(shell, args);
  return printed;
}

function commandsIn(text: string): string[] {
  return [...text.matchAll(/`(orbweaver [^`]+)`/g)].map((match) => match[1]!);
}

/** The commands of a page and the example that each is typed in. */
function documented(): { line: string; folder: string }[] {
  const page = read('docs/commands.md').split(/^## (?=\d)/m);
  return EXAMPLES.flatMap((example) => {
    const chapter = page.find((part) => part.startsWith(`${example[0]}.`)) ?? '';
    const lines = [...commandsIn(chapter), ...commandsIn(read(`examples/${example}/README.md`))];
    const folder = join(PACKAGE_FOLDER, 'examples', example);
    return [...new Set(lines)].map((line) => ({ line, folder }));
  });
}

describe('documented commands reach the agent:', () => {
  const commands = documented();

  test('there are many', () => {
    expect(commands.length).toBeGreaterThan(45);
  });

  test.each(commands)('$line', async ({ line, folder }) => {
    expect(existsSync(folder)).toBe(true);
    expect(await outcomeOf(line, folder)).toMatch(/^error: AGENT_UNREACHABLE/);
  });
});

test('each example says by which one command it is walked', () => {
  const pages = ['examples/README.md', ...EXAMPLES.map((name) => `examples/${name}/README.md`)];
  for (const page of pages) {
    const named = [...read(page).matchAll(/`npm start -- (\S+) --once`/g)].map(
      (match) => match[1]!,
    );
    expect(named.length, page).toBeGreaterThan(0);
    expect(chooseStories(named).length, page).toBeGreaterThan(0);
  }
});

describe('docs/commands.md', () => {
  const rows = read('docs/commands.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, command = '', where = '', there = ''] =
        /^\| `(.+?)` \| (\w+) \| (.+) \|$/.exec(line) ?? [];
      return { command, where, there };
    });

  test('has a word for every command that the help lists', async () => {
    const help = await outcomeOf('orbweaver --help', PACKAGE_FOLDER);
    const listed = [...help.matchAll(/^ {2}([a-z]+) .*$/gm)].map((match) => match[1]!);
    const [beginning = ''] = read('docs/commands.md').split('\n## ', 1);
    const named = beginning
      .split('\n')
      .filter((line) => line.startsWith('- `'))
      .flatMap((line) => [...line.split(':')[0]!.matchAll(/`([a-z]+)`/g)].map(([, word]) => word!));
    expect(listed).toContain('controller');
    expect(new Set(listed.filter((word) => word !== 'help' && word !== 'orbweaver'))).toEqual(
      new Set(named),
    );
  });

  test('says of every command of the tutorials where it runs, and why where it does not', () => {
    expect(rows.length).toBeGreaterThan(40);
    for (const { command, where, there } of rows) {
      expect(['orbweaver', 'kubectl', 'nowhere'], command).toContain(where);
      expect(there.startsWith('`orbweaver '), command).toBe(where === 'orbweaver');
    }
  });

  test.each(rows.filter(({ where }) => where === 'orbweaver'))(
    'takes $command in the same words',
    ({ command, there }) => {
      const [, ...theirs] = wordsOf(command);
      const [, ...ours] = wordsOf(there.replaceAll('`', ''));
      const plain = (words: string[]) =>
        words.map((word) => (word.endsWith('.yaml') ? '…' : word.replace(/^…\/.*/, '…')));
      expect(plain(ours)).toEqual(plain(theirs));
    },
  );
});
