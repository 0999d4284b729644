/** `orbweaver walk` as a child, and what it may not leave behind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PACKAGE_FOLDER } from '../../src/cli/package-folder.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const MARK = 'ORBWEAVER_TEST_WALK';

export class WalkProcess {
  readonly child: ChildProcess;
  /** Everything written so far, both streams. */
  output = '';
  readonly exit: Promise<number | NodeJS.Signals | null>;
  readonly #scratch = scratchFolder();
  readonly #mark = randomUUID();
  readonly #before = machineNetwork();

  constructor(...args: string[]) {
    this.child = spawn(
      process.execPath,
      [join(PACKAGE_FOLDER, 'src/cli/orbweaver.mjs'), 'walk', ...args],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        // Every process that the walk starts inherits the mark, and can be found by it.
        env: { ...process.env, TMPDIR: this.#scratch, [MARK]: this.#mark },
      },
    );
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        this.output += text;
      });
    }
    this.exit = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve(code ?? signal));
    });
  }

  /** Resolves when the output contains `text`; rejects where the walk ends first. */
  async says(text: string): Promise<void> {
    const found = new Promise<void>((resolve) => {
      const look = () => {
        if (this.output.includes(text)) {
          resolve();
        }
      };
      this.child.stdout!.on('data', look);
      look();
    });
    await Promise.race([found, this.exit]);
    expect(this.output).toContain(text);
  }

  /** No file, no process, no interface and no named namespace of the walk is left. */
  expectNothingLeft(): void {
    expect(readdirSync(this.#scratch)).toEqual([]);
    expect(this.#processes()).toEqual([]);
    expect(machineNetwork()).toEqual(this.#before);
  }

  /** Command lines of the processes that the walk started and that live. */
  #processes(): string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => readProc(pid, 'environ').includes(this.#mark))
      .map((pid) => readProc(pid, 'cmdline').replaceAll('\0', ' '));
  }
}

/** Empty for a process that has ended, or whose file may not be read. */
function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** The bridges of this machine's own network, and its named namespaces. */
function machineNetwork(): { bridges: string; namespaces: string[] } {
  const bridges = spawnSync('ip', ['-br', 'link', 'show', 'type', 'bridge'], { encoding: 'utf8' });
  return {
    bridges: bridges.stdout ?? '',
    namespaces: existsSync('/run/netns') ? readdirSync('/run/netns') : [],
  };
}
