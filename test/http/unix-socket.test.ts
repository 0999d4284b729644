import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listenOnSocket } from '../../src/http/unix-socket.ts';
import { openSocket } from './raw-request.ts';

let folder: string;
let path: string;
const servers: Server[] = [];

function newServer(): Server {
  const server = createServer((_request, response) => response.end());
  servers.push(server);
  return server;
}

/** A socket file whose listener was killed. */
async function leaveStaleSocket(at: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(at)},()=>process.stdout.write('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
}

function modeOf(file: string): string {
  return (statSync(file).mode & 0o7777).toString(8);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orbweaver-socket-'));
  path = join(folder, 'run', 'cni.sock');
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    await new Promise((resolve) => server.close(resolve));
  }
  rmSync(folder, { recursive: true, force: true });
});

describe('unix socket', () => {
  test('is 0600 in a new folder of 0700, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      await listenOnSocket(newServer(), path);
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(before);
    }
    expect(modeOf(path)).toBe('600');
    expect(modeOf(join(folder, 'run'))).toBe('700');
  });

  test('tightens a folder that holds nothing else', async () => {
    mkdirSync(join(folder, 'run'), { mode: 0o755 });
    await listenOnSocket(newServer(), path);
    expect(modeOf(join(folder, 'run'))).toBe('700');
  });

  test('leaves the mode of a folder that others use', async () => {
    mkdirSync(join(folder, 'run'), { mode: 0o755 });
    writeFileSync(join(folder, 'run', 'other'), '');
    await listenOnSocket(newServer(), path);
    expect(modeOf(join(folder, 'run'))).toBe('755');
    expect(modeOf(path)).toBe('600');
  });

  test('refuses a folder in which others could put a socket of their own', async () => {
    mkdirSync(join(folder, 'run'));
    writeFileSync(join(folder, 'run', 'other'), '');
    chmodSync(join(folder, 'run'), 0o777);
    await expect(listenOnSocket(newServer(), path)).rejects.toMatchObject({
      code: 'IO_FAILURE',
      message: expect.stringContaining(join(folder, 'run')),
    });
  });

  test('replaces a socket that a killed process left', async () => {
    mkdirSync(join(folder, 'run'));
    await leaveStaleSocket(path);
    expect(existsSync(path)).toBe(true);
    await listenOnSocket(newServer(), path);
    (await openSocket(path)).destroy();
  });

  test('refuses a path on which somebody listens, and leaves that one alone', async () => {
    await listenOnSocket(newServer(), path);
    await expect(listenOnSocket(newServer(), path)).rejects.toMatchObject({
      code: 'SOCKET_IN_USE',
      message: expect.stringContaining(path),
    });
    (await openSocket(path)).destroy();
  });

  test('is given to exactly one of several who find the same stale file', async () => {
    mkdirSync(join(folder, 'run'));
    await leaveStaleSocket(path);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 4 }, () => listenOnSocket(newServer(), path)),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    (await openSocket(path)).destroy();
  });

  test('refuses to replace a file that is no socket', async () => {
    mkdirSync(join(folder, 'run'));
    writeFileSync(path, 'precious');
    await expect(listenOnSocket(newServer(), path)).rejects.toMatchObject({ code: 'IO_FAILURE' });
    expect(existsSync(path)).toBe(true);
  });

  test('refuses a path longer than the kernel can take', async () => {
    await expect(listenOnSocket(newServer(), join(folder, 'x'.repeat(120)))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('107 bytes'),
    });
  });

  test('names the folder that cannot be made', async () => {
    writeFileSync(join(folder, 'run'), '');
    await expect(listenOnSocket(newServer(), path)).rejects.toMatchObject({
      code: 'IO_FAILURE',
      message: expect.stringContaining(path),
    });
  });
});
