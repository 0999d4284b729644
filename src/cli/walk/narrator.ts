/** The output of a walk: headings, numbered chapters, command lines and what they print. */
import type { Terminal } from '../terminal.ts';

const INDENT = '  ';

export class Narrator {
  readonly #terminal: Terminal;
  #chapter = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** A terminal that shows everything, errors too, indented and in one order. */
  get inner(): Terminal {
    const write = (text: string) => this.#terminal.out(text.replace(/^(?=.)/gm, INDENT));
    return { ...this.#terminal, out: write, err: write };
  }

  /** Plain lines at the margin. */
  say(...lines: readonly string[]): void {
    this.#terminal.out(`${lines.join('\n')}\n`);
  }

  /** Begins a walk; its chapters count from 1. */
  title(text: string): void {
    this.#chapter = 0;
    this.#terminal.out(`\n\n${this.#terminal.bold(text)}\n`);
  }

  chapter(text: string): void {
    this.#chapter += 1;
    this.#terminal.out(`\n${this.#terminal.bold(`${this.#chapter}. ${text}`)}\n`);
  }

  /** What a user would type, before what it prints. */
  command(line: string): void {
    this.#terminal.out(`\n${INDENT}$ ${line}\n`);
  }

  /** A check of what was seen. */
  fact(holds: boolean, text: string): void {
    const { green, red } = this.#terminal;
    const mark = holds ? green('as expected:') : red('NOT AS EXPECTED:');
    this.#terminal.out(`\n${INDENT}${mark} ${text}\n`);
  }
}

/** The words as a POSIX shell reads them back. */
export function shellLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
