/** What can go wrong on the agent's side: rows of the failure matrix of reference/plugin-binary.md. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { builtPlugins, IMPATIENT } from './built-plugin.ts';
import { FakeAgent, httpReply, RESULT, SocketFolder, sending } from './fake-agent.ts';
import {
  ADD_ENVIRONMENT,
  expectRefusal,
  expectResult,
  runPlugin,
  startPlugin,
} from './plugin-process.ts';

const { built, missing } = builtPlugins();

for (const [variant, lack] of missing) {
  test.skip(`an agent, ${variant} build: ${lack}`, () => {});
}

const mebibyte = 1024 * 1024;

/** Listens and closes again, which leaves the file of a socket that nobody serves. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  const child = spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' });
  await new Promise((resolve) => child.on('exit', resolve));
}

describe.each(built)('an agent, $variant build of the plugin:', (plugin) => {
  test.concurrent.each([
    ['ADD', 11],
    ['DEL', 11],
    ['CHECK', 11],
    ['GC', 11],
    ['STATUS', 50],
  ])('without a socket: %s is retried, then refused', async (verb, code) => {
    using folder = new SocketFolder();
    const { socket } = folder;
    const env = { ...ADD_ENVIRONMENT, CNI_COMMAND: verb };
    const outcome = await runPlugin({ plugin, socket, env, impatient: true });
    const { msg, details } = expectRefusal(outcome, code);
    expect(msg).toContain(socket);
    expect(msg).toContain('ENOENT');
    expect(details).toContain('start the agent');
    expect(outcome.elapsedMs).toBeGreaterThanOrEqual(IMPATIENT.CONNECT_WAIT_MS);
  });

  test.concurrent.each([
    ['ADD', 11],
    ['STATUS', 50],
  ])('that never answers a %s is given up', async (verb, code) => {
    await using agent = await FakeAgent.start(() => {});
    const env = { ...ADD_ENVIRONMENT, CNI_COMMAND: verb };
    const outcome = await runPlugin({ plugin, socket: agent.socket, env, impatient: true });
    expect(expectRefusal(outcome, code).msg).toContain('did not answer within 1500 ms');
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
