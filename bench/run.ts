/**
 * Runs the benchmarks and prints their tables: all of them, or those whose name contains one of the words
 * given. `--smoke` uses small sizes, `--fail` ends with status 1 where a target is missed, `--save` keeps
 * the tables in results/ under the day's date, `--cluster` runs those of cluster/, which start a control plane.
 *
 *     npm run bench -- engine          npm run bench -- --smoke          npm run bench -- --cluster
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, reachesTarget, table } from './harness.ts';
import { machineFacts, saveResults } from './results.ts';

const flags = new Set(process.argv.slice(2).filter((word) => word.startsWith('--')));
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const size = flags.has('--smoke') ? 'smoke' : 'full';

/** Every benchmark of a folder, in the order of their file names. */
async function benches(folder: string): Promise<Bench[]> {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.bench.ts'))
    .sort();
  return Promise.all(
    files.map(async (file) => {
      const { bench } = (await import(join(folder, file))) as { bench: Bench };
      return bench;
    }),
  );
}

if (process.argv[1] === import.meta.filename) {
  const facts = machineFacts();
  console.log(`${size}\n${facts.join('\n')}\n`);
  const tables: string[] = [];
  let missed = 0;
  const kind = flags.has('--cluster') ? 'cluster' : 'machine';
  const folder = kind === 'cluster' ? join(import.meta.dirname, 'cluster') : import.meta.dirname;
  for (const bench of await benches(folder)) {
    if (words.length > 0 && !words.some((word) => bench.name.includes(word))) continue;
    const rows = await bench.run(size);
    missed += rows.filter((row) => !reachesTarget(row)).length;
    tables.push(`## ${bench.name}\n\n\`\`\`\n${table(rows)}\n\`\`\`\n`);
    console.log(`${bench.name}\n${table(rows)}\n`);
  }
  if (flags.has('--save')) {
    const list = facts.map((fact) => `- ${fact}`).join('\n');
    const text = `# Benchmarks (${size})\n\n${list}\n\n${tables.join('\n')}`;
    console.log(saveResults(text, kind));
  }
  if (missed > 0 && size === 'full') {
    console.log(`${missed} of the targets missed`);
    if (flags.has('--fail')) process.exitCode = 1;
  }
}
