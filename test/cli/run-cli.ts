/** The command line in a process of its own, as users run it. */
import { spawn } from 'node:child_process';
import { ORBWEAVER } from '../agent/agent-process.ts';

export interface CliResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly socket?: string;
  /** Where the user stands; the process itself runs elsewhere, as under npm. */
  readonly folder?: string;
  readonly stdin?: string;
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { socket, folder, stdin = '' } = options;
  const child = spawn(process.execPath, [ORBWEAVER, ...args], {
    env: {
      ...process.env,
      ...(socket === undefined ? {} : { ORBWEAVER_SOCKET: socket }),
      ...(folder === undefined ? {} : { INIT_CWD: folder }),
    },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  child.stdin.end(stdin);
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/** The same inside this process, for rows that would only spend their time on starting Node. */
export async function runHere(
  args: readonly string[],
  { socket, folder }: Pick<CliOptions, 'socket' | 'folder'> = {},
): Promise<CliResult> {
  const { main } = await import('../../src/cli/main.ts');
  const written = { out: '', err: '' };
  const { stdout, stderr } = process;
  const writes = [stdout.write, stderr.write] as const;
  const before = { ...process.env };
  stdout.write = ((text: string) => (written.out += text)) as never;
  stderr.write = ((text: string) => (written.err += text)) as never;
  if (socket !== undefined) process.env.ORBWEAVER_SOCKET = socket;
  if (folder !== undefined) process.env.INIT_CWD = folder;
  try {
    return { code: await main(args), ...written };
  } finally {
    [stdout.write, stderr.write] = writes;
    process.env = before;
  }
}
