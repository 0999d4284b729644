/** Tables for people: kubectl's aligned columns, and calicoctl's boxes. */

/** kubectl's tables leave three blanks between columns. */
const GAP = '   ';

/**
 * Columns aligned to their widest cell, `gap` between, header first, one line a row, each ended by
 * a line feed. Empty without a header. Cells lose control characters: they come from manifests.
 */
export function alignedTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  gap: string = GAP,
): string {
  if (header.length === 0) {
    return '';
  }
  const lines = [header, ...rows].map((row) => row.map(printable));
  const widths = columnWidths(lines);
  return lines
    .map(
      (row) =>
        `${row
          .map((cell, column) => pad(cell, widths[column]!))
          .join(gap)
          .trimEnd()}\n`,
    )
    .join('');
}

export interface BoxColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/**
 * A box of `+---+` and `|` as `calicoctl ipam show` draws it (reference/calico.md 7.1). `titles`
 * says where the header sits: `centred` in the layout of Calico up to 3.32, `left` in the present
 * one.
 */
export function boxTable(
  columns: readonly BoxColumn[],
  rows: readonly (readonly string[])[],
  titles: 'left' | 'centred',
): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = columnWidths([columns.map((column) => column.title), ...cells]);
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`;
  const header = columns.map((column, index) =>
    titles === 'left' ? pad(column.title, widths[index]!) : centre(column.title, widths[index]!),
  );
  const body = cells.map((row) =>
    row.map((cell, index) =>
      columns[index]!.align === 'right'
        ? ' '.repeat(widths[index]! - widthOf(cell)) + cell
        : pad(cell, widths[index]!),
    ),
  );
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |\n`;
  return rule + line(header) + rule + body.map(line).join('') + rule;
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
    }
  }
  return widths;
}

/**
 * Characters, not UTF-16 units. Wide scripts still come out a little crooked, as they do in
 * kubectl.
 */
function widthOf(cell: string): number {
  return [...cell].length;
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(width - widthOf(cell));
}

/** An odd blank goes to the right, as in the tables of the seed. */
function centre(title: string, width: number): string {
  const free = width - widthOf(title);
  const left = Math.floor(free / 2);
  return ' '.repeat(left) + title + ' '.repeat(free - left);
}

function printable(cell: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach a terminal.
  return cell.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
