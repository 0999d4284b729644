/** Runs a program to its end and collects what it wrote. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface ProcessOptions {
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  /** Replaces the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProcessResult {
  /** The exit code, or the name of the signal that ended it. */
  readonly exit: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

/** Rejects only where the program cannot be started. */
export async function runProcess(
  program: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const child = spawn(program, args, {
    stdio: 'pipe',
    // A group of its own: Ctrl-C is for the walk, which lets what has begun come to its end.
    detached: true,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  // A program may refuse before it has read its input.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
  });
  const [exit, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { exit, out, err };
}
