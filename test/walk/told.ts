/** What a walk printed, cut into what each command line printed. */

export class Told {
  readonly output: string;

  constructor(output: string) {
    this.output = output;
  }

  /** The lines that `orbweaver LINE` printed, without the indent, each time that it was run. */
  all(line: string): string[][] {
    return this.output
      .split(/^ {2}\$ orbweaver /m)
      .filter((part) => part.startsWith(`${line}\n`))
      .map((part) => {
        const printed = part
          .slice(line.length + 1)
          .split(/\n(?=\n {2}(?:as|NOT|The)|\n\d+\. )/)[0]!;
        return printed
          .trimEnd()
          .split('\n')
          .map((text) => text.replace(/^ {2}/, ''));
      });
  }

  /** The same of its only run. Throws where there was none, or more than one. */
  of(line: string): string[] {
    const [only, ...more] = this.all(line);
    if (only === undefined || more.length > 0) {
      throw new Error(`orbweaver ${line}: ${more.length + (only === undefined ? 0 : 1)} runs`);
    }
    return only;
  }

  /** The cells of a table that a command printed, header first; cells are two blanks apart. */
  table(line: string): string[][] {
    return cells(this.of(line));
  }

  /** The addresses that the ADDs of a workload's pods were answered with, in order. */
  addressesOf(workload: string): string[] {
    const row = new RegExp(`^ *ADD +\\S*/${workload}\\S* +\\d+ ms +([0-9a-f.:]+)/`, 'gm');
    return [...this.output.matchAll(row)].map((match) => match[1]!);
  }
}

/** Rows of an aligned table; an empty cell is an empty text. */
export function cells(lines: readonly string[]): string[][] {
  const header = lines[0] ?? '';
  const starts = [...header.matchAll(/\S+(?: \S+)*/g)].map((match) => match.index);
  return lines.map((line) =>
    starts.map((start, at) => line.slice(start, starts[at + 1] ?? line.length).trim()),
  );
}
