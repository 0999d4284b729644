/** What can go wrong on the runtime's side: rows of the failure matrix of reference/plugin-binary.md. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { builtPlugins } from './built-plugin.ts';
import { FakeAgent, httpReply, RESULT, SocketFolder, sending } from './fake-agent.ts';
import {
  ADD_ENVIRONMENT,
  CONFIG,
  expectRefusal,
  runPlugin,
  startPlugin,
} from './plugin-process.ts';

const { built, missing } = builtPlugins();

for (const [variant, lack] of missing) {
  test.skip(`a caller, ${variant} build: ${lack}`, () => {});
}

const mebibyte = 1024 * 1024;
const largeResult = JSON.stringify({ cniVersion: '0.4.0', pad: 'x'.repeat(3 * mebibyte) });

/** A pipe whose writing end is O_NONBLOCK, and everything that comes out of it. */
function nonBlockingPipe(folder: string): { writer: number; read(): Promise<Buffer> } {
  const path = join(folder, 'pipe');
  spawnSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const read = () => buffer(new Socket({ fd: reader, readable: true, writable: false }));
  return { writer, read };
}

describe.each(built)('a caller, $variant build of the plugin:', (plugin) => {
  test.concurrent('is not asked for an agent by VERSION', async () => {
    using folder = new SocketFolder();
    const env = { CNI_COMMAND: 'VERSION' };
    const outcome = await runPlugin({ plugin, socket: folder.socket, env });
    expect(outcome.exit).toBe(0);
    expect(JSON.parse(outcome.stdout.toString())).toMatchObject({ cniVersion: '0.4.0' });
  });

  test.concurrent('whose stdin never ends is refused', async () => {
    await using agent = await FakeAgent.start();
    const { socket } = agent;
    const outcome = await runPlugin({ plugin, socket, stdin: 'open', impatient: true });
    expect(expectRefusal(outcome, 5).msg).toContain('did not end within 400 ms');
    expect(agent.connections).toHaveLength(0);
  });

  test.concurrent.each([
    ['VERSION', 'open', '<&0'],
    ['VERSION', '', '<&-'],
  ] as const)(
    'whose %s has a useless stdin (%j, %s) still gets the versions',
    async (verb, stdin, how) => {
      using folder = new SocketFolder();
      const outcome = await runPlugin({
        plugin,
        socket: folder.socket,
        env: { CNI_COMMAND: verb },
        stdin,
        shell: `exec "$@" ${how}`,
        impatient: true,
      });
      expect(outcome.exit).toBe(0);
      expect(JSON.parse(outcome.stdout.toString())).toHaveProperty('supportedVersions');
    },
  );

  test.concurrent('whose stdin is 3 MiB is refused', async () => {
    await using agent = await FakeAgent.start();
    const stdin = `{"cniVersion":"0.3.1","pad":"${'x'.repeat(3 * mebibyte)}"}`;
    const outcome = await runPlugin({ plugin, socket: agent.socket, stdin });
    expect(expectRefusal(outcome, 6, '0.3.1').msg).toContain('longer than 1048576 bytes');
  });

  test.concurrent('whose stdin is one byte too long is refused', async () => {
    await using agent = await FakeAgent.start();
    const stdin = ' '.repeat(mebibyte + 1);
    expectRefusal(await runPlugin({ plugin, socket: agent.socket, stdin }), 6, '1.1.0');
  });

  test.concurrent('that closed stdin is refused', async () => {
    await using agent = await FakeAgent.start();
    const outcome = await runPlugin({ plugin, socket: agent.socket, shell: 'exec "$@" <&-' });
    expect(expectRefusal(outcome, 5, '1.1.0').msg).toContain('EBADF');
    expect(agent.connections).toHaveLength(0);
  });

  test.concurrent('whose stdin is a folder is refused', async () => {
    await using agent = await FakeAgent.start();
    const outcome = await runPlugin({ plugin, socket: agent.socket, shell: 'exec "$@" </' });
    expectRefusal(outcome, 5, '1.1.0');
  });

  test.concurrent.each([
    ['stdout', 'exec "$@" >&-'],
    ['stdout and stderr', 'exec "$@" >&- 2>&-'],
  ])(
    'that closed %s learns it by the exit code, and the socket is not taken for it',
    async (_, shell) => {
      await using agent = await FakeAgent.start();
      const outcome = await runPlugin({ plugin, socket: agent.socket, shell });
      expect(outcome.exit).toBe(1);
      expect(outcome.stdout.toString()).toBe('');
      expect(JSON.parse(agent.requests[0]!.body.toString()).config).toBe(CONFIG);
    },
  );

  test.concurrent('that closed all three descriptors gets exit code 1 and sends nothing', async () => {
    await using agent = await FakeAgent.start();
    const shell = 'exec "$@" <&- >&- 2>&-';
    const outcome = await runPlugin({ plugin, socket: agent.socket, shell });
    expect(outcome).toMatchObject({ exit: 1, stderr: '' });
    expect(agent.connections).toHaveLength(0);
  });

  test.concurrent('that closed stdout gets exit code 0 for a DEL, which prints nothing', async () => {
    await using agent = await FakeAgent.start(sending(httpReply(200, '')));
    const shell = 'exec "$@" >&-';
    expect(await runPlugin({ plugin, socket: agent.socket, shell })).toMatchObject({ exit: 0 });
  });

  test.concurrent('that stopped reading stdout learns it by the exit code', async () => {
    await using agent = await FakeAgent.start((connection) => {
      child.stdout!.destroy();
      child.stdout!.once('close', () => connection.end(httpReply(200, RESULT)));
    });
    const { child, outcome } = startPlugin({ plugin, socket: agent.socket });
    expect((await outcome).exit).toBe(1);
  });

  test.concurrent('whose disk is full behind stdout learns it by the exit code', async () => {
    await using agent = await FakeAgent.start();
    const stdout = openSync('/dev/full', 'w');
    const outcome = await runPlugin({ plugin, socket: agent.socket, stdout });
    closeSync(stdout);
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toContain('ENOSPC');
  });

  test.concurrent('whose stdout is a pipe that does not block gets all of 3 MiB', async () => {
    using folder = new SocketFolder();
    const pipe = nonBlockingPipe(folder.folder);
    await using agent = await FakeAgent.start(sending(httpReply(200, largeResult)));
    const { child, outcome } = startPlugin({
      plugin,
      socket: agent.socket,
      third: pipe.writer,
      shell: 'exec "$@" >&3 3>&-',
    });
    closeSync(pipe.writer);
    // It meets a full pipe first: reading begins when the agent has handed over everything.
    await sleep(100);
    const printed = await pipe.read();
    expect((await outcome).exit).toBe(0);
    expect(printed.equals(Buffer.from(largeResult))).toBe(true);
    expect(child.exitCode).toBe(0);
  });

  test.concurrent.each([
    ['a pipe that does not block', 'exec "$@" >&3 3>&-'],
    // Opened again it is the same pipe without O_NONBLOCK.
    ['a pipe', 'exec "$@" >/proc/self/fd/3 3>&-'],
  ])('that never reads %s is given up', async (_, shell) => {
    using folder = new SocketFolder();
    const pipe = nonBlockingPipe(folder.folder);
    await using agent = await FakeAgent.start(sending(httpReply(200, largeResult)));
    const { socket } = agent;
    const outcome = await runPlugin({ plugin, socket, third: pipe.writer, shell, impatient: true });
    closeSync(pipe.writer);
    await pipe.read();
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toContain('could not be written to stdout: nobody reads it');
  });

  test.concurrent('that never reads stderr does not hold the plugin', async () => {
    using folder = new SocketFolder();
    const pipe = nonBlockingPipe(folder.folder);
    await using agent = await FakeAgent.start();
    const shell =
      'dd if=/dev/zero of=/proc/self/fd/3 oflag=nonblock bs=4096 2>/dev/null; exec "$@" >&- 2>/proc/self/fd/3 3>&-';
    const outcome = await runPlugin({ plugin, socket: agent.socket, third: pipe.writer, shell });
    closeSync(pipe.writer);
    await pipe.read();
    expect(outcome.exit).toBe(1);
  });

  test.concurrent.each([
    ['without a command', {}, 'CNI_COMMAND is not set'],
    ['with an empty command', { CNI_COMMAND: '' }, 'CNI_COMMAND is not set'],
    ['with an unknown command', { CNI_COMMAND: 'ADDD' }, 'ADDD'],
    ['with a command in lower case', { CNI_COMMAND: 'add' }, 'add'],
    ['with a command of 100 kB', { CNI_COMMAND: '\u0001'.repeat(100_000) }, 'CNI_COMMAND'],
  ])('%s is refused by name', async (_, env: Record<string, string>, words) => {
    await using agent = await FakeAgent.start();
    const outcome = await runPlugin({ plugin, socket: agent.socket, env });
    const { msg, details } = expectRefusal(outcome, 4);
    expect(msg).toContain('CNI_COMMAND');
    expect(msg).toContain(words);
    expect(details).toContain('ADD, DEL, CHECK, GC, STATUS and VERSION');
    expect(agent.connections).toHaveLength(0);
  });

  test.concurrent('that is a person at a terminal is answered without waiting for stdin', async () => {
    using folder = new SocketFolder();
    const outcome = await runPlugin({ plugin, socket: folder.socket, env: {}, stdin: 'open' });
    expect(expectRefusal(outcome, 4).details).toContain('orbweaver --help');
    expect(outcome.elapsedMs).toBeLessThan(4000);
  });

  test.concurrent('whose variables are too long is told which one', async () => {
    await using agent = await FakeAgent.start();
    const env = { ...ADD_ENVIRONMENT, CNI_ARGS: 'x'.repeat(64 * 1024) };
    const { msg, details } = expectRefusal(
      await runPlugin({ plugin, socket: agent.socket, env }),
      4,
    );
    expect(msg).toContain('65536');
    expect(details).toContain('CNI_ARGS alone holds 65536 bytes');
  });

  test.concurrent('whose socket path is too long is told so', async () => {
    const { msg } = expectRefusal(await runPlugin({ plugin, socket: `/${'s'.repeat(107)}` }), 4);
    expect(msg).toContain('107 bytes');
    // The longest path is tried.
    const tried = await runPlugin({ plugin, socket: `/${'s'.repeat(106)}`, impatient: true });
    expectRefusal(tried, 11);
  });

  test.concurrent('that sets no or an empty ORBWEAVER_SOCKET means the default', async () => {
    const outcome = await runPlugin({ plugin, socket: '', impatient: true });
    expect(expectRefusal(outcome, 11).msg).toContain(' /run/orbweaver/cni.sock: ');
  });
});
