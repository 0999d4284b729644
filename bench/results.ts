/** What figures were measured on, and the dated file that keeps them. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './harness.ts';

const FOLDER = join(import.meta.dirname, 'results');
const FLUSHES = 200;
const PAGE_BYTES = 4096;
const GIB = 2 ** 30;

/**
 * The machine and its state, one fact a line. Load and flush time are of the moment: with them a reader can
 * tell a quiet run from one beside other work.
 */
export function machineFacts(): string[] {
  const [cpu] = cpus();
  return [
    `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / GIB)} GiB, Linux ${release()}`,
    `Node ${process.version}, commit ${commit()}`,
    `load average ${loadavg()[0]!.toFixed(1)} at the start, ${flushFact()}`,
  ];
}

/** Writes `text` under today's date and the kind of run, replacing an earlier one of the day. Returns the path. */
export function saveResults(text: string, kind: 'machine' | 'cluster'): string {
  mkdirSync(FOLDER, { recursive: true });
  const day = new Date().toISOString().slice(0, 10);
  const path = join(FOLDER, kind === 'cluster' ? `${day}-cluster.md` : `${day}.md`);
  writeFileSync(path, text);
  return path;
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' and uncommitted changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

/** What one durable page costs on the disk that the benchmarks use. */
function flushFact(): string {
  const path = join(tmpdir(), `flush-${process.pid}`);
  const file = openSync(path, 'w');
  const page = Buffer.alloc(PAGE_BYTES);
  const times: number[] = [];
  for (let flush = 0; flush < FLUSHES; flush += 1) {
    const began = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    times.push(performance.now() - began);
  }
  closeSync(file);
  rmSync(path);
  return `flushing a page took ${median(times).toFixed(2)} ms (median of ${FLUSHES})`;
}
