/**
 * Prints the tables that documents repeat, ready to paste: `node scripts/print-tables.ts errors|limits`.
 * Tests compare the documents with the code, so an edit of a table begins here.
 */
import { ERRORS } from '../src/catalogue/errors.ts';
import { LIMITS } from '../src/catalogue/limits.ts';

const TABLES: Record<string, () => string[]> = {
  errors: () => [
    '| code | CNI code | retry helps | what happened | what you can do |',
    '|---|---|---|---|---|',
    ...Object.entries(ERRORS).map(
      ([code, row]) =>
        `| \`${code}\` | ${row.cni} | ${row.retry ? 'yes' : 'no'} | ${row.cause} | ${row.hint} |`,
    ),
  ],
  limits: () => [
    '| limit | value |',
    '|---|---|',
    ...Object.entries(LIMITS).map(
      ([name, value]) => `| \`${name}\` | ${value.toLocaleString('en')} |`,
    ),
  ],
};

const table = TABLES[process.argv[2] ?? ''];
if (table === undefined) {
  process.stderr.write(`usage: node scripts/print-tables.ts ${Object.keys(TABLES).join('|')}\n`);
  process.exitCode = 2;
} else {
  process.stdout.write(`${table().join('\n')}\n`);
}
