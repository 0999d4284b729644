/** Everything that can go wrong around the plugin: the failure matrix of reference/plugin-binary.md, row by row. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { buildSpawner } from '../../scripts/build-plugin.ts';
import { type BuiltPlugin, builtPlugins, IMPATIENT } from './built-plugin.ts';
import { FakeAgent, httpReply, RESULT, SocketFolder, sending } from './fake-agent.ts';
import {
  ADD_ENVIRONMENT,
  CONFIG,
  expectRefusal,
  expectResult,
  runPlugin,
  startPlugin,
} from './plugin-process.ts';

const { built, missing } = builtPlugins();

for (const [variant, lack] of missing) {
  test.skip(`plugin failures, ${variant} build: ${lack}`, () => {});
}

const mebibyte = 1024 * 1024;
const largeResult = JSON.stringify({ cniVersion: '0.4.0', pad: 'x'.repeat(3 * mebibyte) });

/** Listens and closes again, which leaves the file of a socket that nobody serves. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  const child = spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' });
  await new Promise((resolve) => child.on('exit', resolve));
}

/** A pipe whose writing end is O_NONBLOCK, and everything that comes out of it. */
function nonBlockingPipe(folder: string): { writer: number; read(): Promise<Buffer> } {
  const path = join(folder, 'pipe');
  spawnSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const read = () => buffer(new Socket({ fd: reader, readable: true, writable: false }));
  return { writer, read };
}

describe.each(built)('plugin failures, $variant build: the agent', (plugin) => {
  describe.each([
    ['ADD', 11],
    ['DEL', 11],
    ['CHECK', 11],
    ['GC', 11],
    ['STATUS', 50],
  ])('%s', (verb, code) => {
    const env = { ...ADD_ENVIRONMENT, CNI_COMMAND: verb };

    test.concurrent('without a socket is retried, then refused', async () => {
      using folder = new SocketFolder();
      const { socket } = folder;
      const outcome = await runPlugin({ plugin, socket, env, impatient: true });
      const { msg, details } = expectRefusal(outcome, code);
      expect(msg).toContain(socket);
      expect(msg).toContain('ENOENT');
      expect(details).toContain('start the agent');
      expect(outcome.elapsedMs).toBeGreaterThanOrEqual(IMPATIENT.CONNECT_WAIT_MS);
    });

    test.concurrent('of an agent that never answers is refused', async () => {
      await using agent = await FakeAgent.start(() => {});
      const outcome = await runPlugin({ plugin, socket: agent.socket, env, impatient: true });
      expect(expectRefusal(outcome, code).msg).toContain('did not answer within 500 ms');
    });
  });

  test.concurrent('that left a stale socket is refused', async () => {
    using folder = new SocketFolder();
    const { socket } = folder;
    await leaveStaleSocket(socket);
    const outcome = await runPlugin({ plugin, socket, impatient: true });
    expect(expectRefusal(outcome, 11).msg).toContain('ECONNREFUSED');
  });

  test.concurrent('that comes up late serves the call', async () => {
    using folder = new SocketFolder();
    const { socket } = folder;
    await leaveStaleSocket(socket);
    const { outcome } = startPlugin({ plugin, socket });
    // The stale file is replaced while the plugin is trying, as an agent that starts does.
    await sleep(150);
    spawnSync('rm', [socket]);
    await sleep(150);
    await using _agent = await FakeAgent.start(undefined, { at: socket });
    expectResult(await outcome, RESULT);
  });

  test.concurrent('behind a path that can never be a socket is refused at once', async () => {
    using folder = new SocketFolder();
    writeFileSync(join(folder.folder, 'file'), '');
    const socket = join(folder.folder, 'file', 'cni.sock');
    const outcome = await runPlugin({ plugin, socket });
    expect(expectRefusal(outcome, 11).msg).toContain('ENOTDIR');
    expect(outcome.elapsedMs).toBeLessThan(4000);
  });

  test.concurrent('that never reads 1 MiB is refused', async () => {
    await using agent = await FakeAgent.start(undefined, { reads: false });
    const stdin = ' '.repeat(mebibyte);
    const outcome = await runPlugin({ plugin, socket: agent.socket, stdin, impatient: true });
    expect(expectRefusal(outcome, 11, '1.1.0').msg).toContain('only in part within 500 ms');
  });

  test.concurrent('that answers in pieces of four bytes is understood', async () => {
    await using agent = await FakeAgent.start(async (connection) => {
      const reply = httpReply(200, RESULT);
      for (let at = 0; at < reply.length; at += 4) {
        connection.write(reply.subarray(at, at + 4));
        await new Promise(setImmediate);
      }
      connection.end();
    });
    expectResult(await runPlugin({ plugin, socket: agent.socket }), RESULT);
  });

  test.concurrent('that keeps the connection open after its answer is not waited for', async () => {
    await using agent = await FakeAgent.start((one) => one.write(httpReply(200, RESULT)));
    expectResult(await runPlugin({ plugin, socket: agent.socket }), RESULT);
  });

  const cut: [name: string, bytes: string | Buffer, words: string][] = [
    ['hangs up before it answers', '', 'before it answered'],
    ['hangs up in the head', 'HTTP/1.1 200 OK\r\nContent-Le', 'in the middle of its answer'],
    ['hangs up before the body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'in the middle'],
    ['hangs up in the body', httpReply(200, RESULT).subarray(0, -1), 'in the middle'],
  ];
  test.concurrent.each(cut)('that %s leaves no part on stdout', async (_, bytes, words) => {
    await using agent = await FakeAgent.start(sending(bytes));
    const { msg, details } = expectRefusal(await runPlugin({ plugin, socket: agent.socket }), 11);
    expect(msg).toContain(words);
    expect(details).toContain('may have done the work');
    // Nothing is sent twice: the agent may have done the work.
    expect(agent.connections).toHaveLength(1);
  });

  test.concurrent('that resets the connection is refused, once', async () => {
    // Closing with unread bytes is a reset on a unix socket.
    await using agent = await FakeAgent.start(undefined, { reads: false });
    const { outcome } = startPlugin({ plugin, socket: agent.socket, stdin: ' '.repeat(mebibyte) });
    while (agent.connections.length === 0) await sleep(1);
    agent.connections[0]!.destroy();
    expect(expectRefusal(await outcome, 11, '1.1.0').msg).toContain('before it answered');
    expect(agent.connections).toHaveLength(1);
  });

  test.concurrent('that refuses early, without reading, is heard', async () => {
    const tooLarge = '{"cniVersion":"0.4.0","code":6,"msg":"too large"}';
    using folder = new SocketFolder();
    const { socket } = folder;
    const server = createServer((one) => one.pause().end(httpReply(413, tooLarge)));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const outcome = await runPlugin({ plugin, socket, stdin: ' '.repeat(mebibyte) });
    server.close();
    expect(outcome).toMatchObject({ exit: 1 });
    expect(outcome.stdout.toString()).toBe(tooLarge);
  });

  const length = `content-length: ${RESULT.length}\r\n`;
  const foreign: [name: string, reply: string | Buffer, words: string][] = [
    ['a failure without a body', httpReply(500, ''), 'status 500 with a body of 0 bytes'],
    [
      'a chunked body',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
      'Transfer-',
    ],
    ['no length', `HTTP/1.1 200 OK\r\n\r\n${RESULT}`, 'no Content-Length'],
    ['an empty length', `HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n${RESULT}`, 'is empty'],
    ['a negative length', `HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n${RESULT}`, 'not a number'],
    [
      'a length beyond all numbers',
      `HTTP/1.1 200 OK\r\nContent-Length: ${'9'.repeat(40)}\r\n\r\n`,
      'longer than',
    ],
    ['two lengths', `HTTP/1.1 200 OK\r\n${length}Content-Length: 2\r\n\r\n${RESULT}`, 'two'],
    ['a body of 8 MiB', httpReply(200, 'x'.repeat(8 * mebibyte)), 'longer than 4194304 bytes'],
    [
      'a head without an end',
      `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`,
      'head does not end',
    ],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'not HTTP'],
    ['HTTP/2', `HTTP/2.0 200 OK\r\n${length}\r\n${RESULT}`, 'not HTTP'],
    ['a status that is no number', `HTTP/1.1 2x0 OK\r\n${length}\r\n${RESULT}`, 'not a number'],
    ['a redirection', httpReply(302, RESULT), 'status is 302'],
    ['nothing to say', httpReply(204, ''), 'status is 204'],
    ['HTML', httpReply(200, '<html></html>'), 'not one JSON object'],
    ['two documents', httpReply(200, `${RESULT}${RESULT}`), 'not one JSON object'],
    ['half a document', httpReply(200, RESULT.slice(0, -1)), 'not one JSON object'],
    ['an array', httpReply(200, '[]'), 'not one JSON object'],
    ['a document that is not UTF-8', httpReply(200, Buffer.from('7b22ff223a317d', 'hex')), 'JSON'],
    [
      'a document of 200 levels',
      httpReply(200, `{"a":${'['.repeat(200)}${']'.repeat(200)}}`),
      'JSON',
    ],
    ['a failure that is not JSON', httpReply(502, 'Bad Gateway'), 'status 502'],
  ];
  test.concurrent.each(foreign)('that answers with %s is not believed', async (_, reply, words) => {
    await using agent = await FakeAgent.start(sending(reply));
    const { msg } = expectRefusal(await runPlugin({ plugin, socket: agent.socket }), 5);
    expect(msg).toContain('not one of an Orbweaver agent');
    expect(msg).toContain(words);
  });

  test.concurrent.each([
    ['lower-case names and no space', 'HTTP/1.0 200\r\ncontent-length:%\r\n\r\n'],
    ['upper-case names and tabs', 'HTTP/1.1 200 OK\r\nCONTENT-LENGTH:\t % \t\r\nX:\r\n\r\n'],
    ['the same length twice', 'HTTP/1.1 200 OK\r\nContent-Length: %\r\nContent-Length: %\r\n\r\n'],
    ['a surplus behind the body', 'HTTP/1.1 200 OK\r\nContent-Length: %\r\n\r\n'],
  ])('that writes its head with %s is understood', async (name, head) => {
    const surplus = name.includes('surplus') ? 'surplus' : '';
    const reply = head.replaceAll('%', String(RESULT.length)) + RESULT + surplus;
    await using agent = await FakeAgent.start(sending(reply));
    expectResult(await runPlugin({ plugin, socket: agent.socket }), RESULT);
  });

  test.concurrent('that answers with the largest body is understood', async () => {
    const body = JSON.stringify({ pad: 'x'.repeat(4 * mebibyte - 10) });
    expect(body).toHaveLength(4 * mebibyte);
    await using agent = await FakeAgent.start(sending(httpReply(200, body)));
    expectResult(await runPlugin({ plugin, socket: agent.socket }), body);
  });

  test.concurrent('that answers while signals rain on the plugin is heard', async () => {
    await using agent = await FakeAgent.start(async (connection) => {
      for (let i = 0; i < 100; i++) {
        child.kill('SIGSTOP');
        await new Promise(setImmediate);
        child.kill('SIGCONT');
        await new Promise(setImmediate);
      }
      connection.end(httpReply(200, RESULT));
    });
    const { child, outcome } = startPlugin({ plugin, socket: agent.socket });
    expectResult(await outcome, RESULT);
  });

  test.concurrent('sees at once that the runtime has killed the plugin', async () => {
    const hungUp = Promise.withResolvers<void>();
    await using agent = await FakeAgent.start((connection) => {
      connection.on('close', () => hungUp.resolve());
      child.kill('SIGKILL');
    });
    const { child, outcome } = startPlugin({ plugin, socket: agent.socket });
    expect(await outcome).toMatchObject({ exit: 'SIGKILL', stderr: '' });
    await hungUp.promise;
  });
});

describe.each(built)('plugin failures, $variant build: the caller', (plugin) => {
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
    expect(outcome.stderr).toContain('could not be written to stdout');
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

/** A server in a process of its own, so that it can be stopped; it prints a line when it listens. */
async function startStoppableServer(socket: string) {
  const script = `
    const reply = 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}';
    require('net').createServer((c) => c.on('error', () => {}).once('data', () => c.end(reply)))
      .listen(process.argv[1], () => console.log('ready'));`;
  const child = spawn(process.execPath, ['-e', script, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

/** Resolves when a connection is refused because the queue of the socket is full. */
async function fullBacklog(socket: string): Promise<void> {
  const held: Socket[] = [];
  for (let code = ''; code !== 'EAGAIN'; ) {
    const probe = createConnection(socket);
    held.push(probe);
    code = await new Promise((resolve) => {
      probe.once('connect', () => resolve('connected'));
      probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    });
    await sleep(10);
  }
  for (const probe of held) probe.destroy();
}

async function startMany(plugin: BuiltPlugin, socket: string, folder: string): Promise<unknown> {
  const stdin = join(folder, 'config.json');
  writeFileSync(stdin, CONFIG);
  const many = ['--count', '700', '--parallel', '700', '--program', plugin.patient];
  const env = ['CNI_COMMAND=ADD', 'CNI_CONTAINERID=c-{i}', `ORBWEAVER_SOCKET=${socket}`];
  const line = [...many, '--stdin', stdin, ...env.flatMap((one) => ['--env', one])];
  const spawner = spawn(buildSpawner().file, line, { stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse((await buffer(spawner.stdout)).toString());
}

describe('plugin failures: 700 at once', () => {
  const native = built.filter((plugin) => plugin.runner.length === 0);
  test.each(native)('of the $variant build outlive an agent that stands still', async (plugin) => {
    using folder = new SocketFolder();
    const { socket } = folder;
    const server = await startStoppableServer(socket);
    try {
      server.kill('SIGSTOP');
      const report = startMany(plugin, socket, folder.folder);
      await fullBacklog(socket);
      server.kill('SIGCONT');
      expect(await report).toMatchObject({ count: 700, exits: { 0: 700 } });
    } finally {
      server.kill('SIGKILL');
    }
  });
});
