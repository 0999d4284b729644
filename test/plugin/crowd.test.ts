/** Many plugins at once, more than the agent's socket queues: none of them may fail. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { buildSpawner } from '../../scripts/build-plugin.ts';
import { type BuiltPlugin, builtPlugins } from './built-plugin.ts';
import { SocketFolder } from './fake-agent.ts';
import { CONFIG } from './plugin-process.ts';

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

// Emulated processors are left out: 700 emulators at once say nothing about the plugin.
const native = builtPlugins().built.filter((plugin) => plugin.runner.length === 0);

test.each(native)(
  '700 plugins, $variant build, outlive an agent that stands still',
  async (plugin) => {
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
  },
);
