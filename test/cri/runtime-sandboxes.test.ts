import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPackageDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { afterEach, describe, expect, test } from 'vitest';
import { RuntimeSandboxes } from '../../src/cri/runtime-sandboxes.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) {
    await end();
  }
});

/** What a runtime of today sends for a sandbox: more fields than the client knows (CRI v1, PodSandbox). */
const RUNTIME = fromJSON({
  nested: {
    runtime: {
      nested: {
        v1: {
          nested: {
            RuntimeService: {
              methods: {
                ListPodSandbox: { requestType: 'Request', responseType: 'Response', comment: '' },
              },
            },
            Request: { fields: {} },
            Metadata: {
              fields: { name: { type: 'string', id: 1 }, uid: { type: 'string', id: 2 } },
            },
            PodSandbox: {
              fields: {
                id: { type: 'string', id: 1 },
                metadata: { type: 'Metadata', id: 2 },
                state: { type: 'int32', id: 3 },
                created_at: { type: 'int64', id: 4 },
                runtime_handler: { type: 'string', id: 7 },
              },
            },
            Response: { fields: { items: { rule: 'repeated', type: 'PodSandbox', id: 1 } } },
          },
        },
      },
    },
  },
});

type Answer = (heard: (error: object | null, response?: object) => void) => void;

async function runtime(answer: Answer): Promise<RuntimeSandboxes> {
  const socket = join(scratchFolder(), 'runtime.sock');
  const loaded = loadPackageDefinition(RUNTIME) as never as {
    runtime: { v1: { RuntimeService: { service: never } } };
  };
  const server = new Server();
  server.addService(loaded.runtime.v1.RuntimeService.service, {
    ListPodSandbox: (_: unknown, heard: Parameters<Answer>[0]) => answer(heard),
  } as never);
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
  ends.push(() => server.forceShutdown());
  return client(socket);
}

function client(socket: string): RuntimeSandboxes {
  const sandboxes = new RuntimeSandboxes(socket);
  ends.push(() => sandboxes.close());
  return sandboxes;
}

describe('the sandboxes of a runtime', () => {
  test('are all that it lists, whatever their state and whatever else it says of them', async () => {
    const ids = ['a'.repeat(64), 'b'.repeat(64)];
    const sandboxes = await runtime((heard) =>
      heard(null, {
        items: ids.map((id, state) => ({
          id,
          metadata: { name: 'web', uid: 'u1' },
          state,
          created_at: 1_700_000_000,
          runtime_handler: 'runc',
        })),
      }),
    );
    expect(await sandboxes.ids()).toEqual(ids);
  });

  test('are told however many there are', async () => {
    const items = Array.from({ length: 10_000 }, (_, at) => ({
      id: `${at}`.padStart(64, 'a'),
      metadata: { name: 'web'.padEnd(400, 'b'), uid: 'u1' },
    }));
    const sandboxes = await runtime((heard) => heard(null, { items }));
    expect(await sandboxes.ids()).toHaveLength(items.length);
  });

  test('may be none', async () => {
    const sandboxes = await runtime((heard) => heard(null, {}));
    expect(await sandboxes.ids()).toEqual([]);
  });

  test('are not told where the runtime fails', async () => {
    const sandboxes = await runtime((heard) =>
      heard({ code: status.UNAVAILABLE, details: 'starting' }),
    );
    await expect(sandboxes.ids()).rejects.toMatchObject({
      code: 'IO_FAILURE',
      details: expect.stringMatching(/starting/),
    });
  });

  test('are not told where nothing listens', async () => {
    const sandboxes = client(join(scratchFolder(), 'nobody.sock'));
    await expect(sandboxes.ids()).rejects.toMatchObject({ code: 'IO_FAILURE' });
  });
});

const missing = ['containerd', 'unshare'].filter((name) => spawnSync('which', [name]).status !== 0);
const isRoot = process.getuid?.() === 0;

describe.skipIf(missing.length > 0 || !isRoot)(
  `the sandboxes of a real containerd${missing.length > 0 ? ` (missing: ${missing})` : ''}`,
  () => {
    test('are listed by its CRI plugin', async () => {
      const folder = scratchFolder();
      const socket = join(folder, 'containerd.sock');
      const config = join(folder, 'config.toml');
      writeFileSync(
        config,
        [
          'version = 2',
          `root = "${join(folder, 'root')}"`,
          `state = "${join(folder, 'state')}"`,
          `[grpc]\naddress = "${socket}"`,
          `[ttrpc]\naddress = "${socket}.ttrpc"`,
          '[plugins."io.containerd.grpc.v1.cri"]',
          'restrict_oom_score_adj = true',
          'disable_apparmor = true',
          'stream_server_address = "127.0.0.1"',
          `[plugins."io.containerd.grpc.v1.cri".cni]\nbin_dir = "${folder}"\nconf_dir = "${folder}"`,
        ].join('\n'),
      );
      // A network namespace of its own: nothing of it reaches the machine's.
      const daemon = spawn('unshare', ['--net', 'containerd', '--config', config], {
        stdio: 'ignore',
      });
      ends.push(() => stopped(daemon));
      const sandboxes = client(socket);
      const listed = async () => (existsSync(socket) ? sandboxes.ids() : Promise.reject());
      await expect.poll(() => listed().catch(() => undefined), { timeout: 20_000 }).toEqual([]);
    }, 30_000);
  },
);

function stopped(daemon: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (daemon.exitCode !== null) {
      resolve();
      return;
    }
    daemon.once('exit', () => resolve());
    daemon.kill('SIGTERM');
  });
}
