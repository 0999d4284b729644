/** What an IPAM plugin has to get right and no peer's own tests look at: X01–X12 of reference/cni.md section 8. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { buildSpawner } from '../../scripts/build-plugin.ts';
import { openSocket } from '../http/raw-request.ts';
import { AgentFolder, AgentProcess, getJson } from '../support/agent-process.ts';
import {
  type CniCall,
  type CniReply,
  configText,
  environmentOf,
  requestBytes,
} from '../support/cni-call.ts';
import { callPlugin, pluginPath, startPlugin } from '../support/plugin-process.ts';
import { addressOfResult, heldRows } from '../support/state-file.ts';
import { manifests, poolManifest } from './pools.ts';

const SMALL = { name: 'small', subnet: '10.70.0.0/24', ips: ['10.70.0.10-10.70.0.11'] };
const LARGE = { name: 'large', subnet: '10.71.0.0/16', ips: ['10.71.1.0-10.71.4.255'] };

/** A pod that says which pool, on a node of its own choice. */
function pod(name: string, pool: string, nodeName?: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      annotations: { 'ipam.spidernet.io/ippool': JSON.stringify({ ipv4: [pool] }) },
    },
    spec: {
      containers: [{ name: 'app', image: 'app' }],
      ...(nodeName === undefined ? {} : { nodeName }),
    },
  });
}

describe('the plugin and its agent', () => {
  const folder = new AgentFolder();
  let agent: AgentProcess;

  beforeAll(async () => {
    folder.writeManifests(
      manifests(
        poolManifest(LARGE),
        poolManifest({ ...SMALL, isDefault: false }),
        pod('elsewhere', 'large', 'node2'),
      ),
    );
    agent = await AgentProcess.start(folder);
  });

  afterAll(async () => {
    await agent.kill();
    folder[Symbol.dispose]();
  });

  const plugin = (call: CniCall) => callPlugin(folder.socket, call);
  const held = () => heldRows(folder.state, { copy: false });
  const inSmall: Pick<CniCall, 'config'> = { config: { ipam: { default_ipv4_ippool: ['small'] } } };

  beforeEach(async () => {
    for (const row of held()) {
      const { container, interfaceName, network } = row;
      await addressesOf(
        plugin({ verb: 'DEL', container, interfaceName, config: { name: network } }),
      );
    }
    expect(held()).toEqual([]);
  });

  describe('X01: GC', () => {
    test.each([
      ['without the list', {}],
      ['with null for the list', { 'cni.dev/valid-attachments': null }],
    ])('%s is refused and frees nothing', async (_name, config) => {
      await addressesOf(plugin({ verb: 'ADD', container: 'c1' }));
      const error = await errorOf(plugin({ verb: 'GC', config }));
      expect(error).toMatchObject({ code: 7 });
      expect(error.msg).toContain('cni.dev/valid-attachments');
      expect(held()).toHaveLength(1);
    });

    test('with an empty list frees every claim of the network', async () => {
      await addressesOf(plugin({ verb: 'ADD', container: 'c1' }));
      await addressesOf(plugin({ verb: 'ADD', container: 'c2' }));
      await silence(plugin({ verb: 'GC', config: { 'cni.dev/valid-attachments': [] } }));
      expect(held()).toEqual([]);
    });
  });

  test('X02: GC leaves other networks and other nodes alone, and what it lists', async () => {
    await addressesOf(plugin({ verb: 'ADD', container: 'mine' }));
    await addressesOf(plugin({ verb: 'ADD', container: 'listed' }));
    await addressesOf(plugin({ verb: 'ADD', container: 'other-net', config: { name: 'b' } }));
    const elsewhere = { namespace: 'default', name: 'elsewhere' };
    await addressesOf(plugin({ verb: 'ADD', container: 'other-node', pod: elsewhere }));
    const valid = [{ containerID: 'listed', ifname: 'eth0' }];
    await silence(plugin({ verb: 'GC', config: { 'cni.dev/valid-attachments': valid } }));
    expect(
      held()
        .map((row) => row.container)
        .sort(),
    ).toEqual(['listed', 'other-net', 'other-node']);
  });

  test('X03: GC frees what an ADD left behind whose answer was lost', async () => {
    const lost = await openSocket(folder.socket);
    lost.write(requestBytes({ verb: 'ADD', container: 'lost' }));
    await vi.waitUntil(() => held().length === 1, { interval: 2 });
    lost.destroy();
    await silence(plugin({ verb: 'GC', config: { 'cni.dev/valid-attachments': [] } }));
    expect(held()).toEqual([]);
  });

  test('X03: an ADD whose plugin died while the agent stood still is not begun after the GC', async () => {
    process.kill(agent.pid, 'SIGSTOP');
    const dead = await openSocket(folder.socket);
    dead.write(requestBytes({ verb: 'ADD', container: 'dead' }));
    await new Promise<void>((resolve) => dead.end(resolve));
    dead.destroy();
    const gc = plugin({ verb: 'GC', config: { 'cni.dev/valid-attachments': [] } });
    process.kill(agent.pid, 'SIGCONT');
    await silence(gc);
    // Whatever was read together with the GC has been answered when the next call is.
    await silence(plugin({ verb: 'STATUS' }));
    expect(held()).toEqual([]);
  });

  describe('X04: STATUS', () => {
    test('is silent while an ADD could be served', () => silence(plugin({ verb: 'STATUS' })));

    test('says 50 with the counts when the pool of the config is full', async () => {
      // Two are held and nothing rests any more: nothing but the pool's size decides.
      await addressesOf(plugin({ verb: 'ADD', container: 'c1', ...inSmall }));
      await addressesOf(plugin({ verb: 'ADD', container: 'c2', ...inSmall }));
      const error = await errorOf(plugin({ verb: 'STATUS', ...inSmall }));
      expect(error.code).toBe(50);
      expect(error.msg).toContain('small');
      expect(error.details).toContain('2 of 2 used');
      const refused = await errorOf(plugin({ verb: 'ADD', container: 'c3', ...inSmall }));
      expect(refused.code).toBe(11);
      expect(held()).toHaveLength(2);
    });

    test('says 50 when no agent is there', async () => {
      const error = await errorOf(
        callPlugin(join(folder.folder, 'nobody.sock'), { verb: 'STATUS' }),
      );
      expect(error.code).toBe(50);
    });
  });

  test.each(['X=a=b', ';;=;', 'K8S_POD_NAME', 'UNKNOWN=1', '\u00ff\u0001'])(
    'X05: DEL with the CNI_ARGS %j frees its claim',
    async (args) => {
      await addressesOf(plugin({ verb: 'ADD', container: 'c1' }));
      await silence(plugin({ verb: 'DEL', container: 'c1', args }));
      expect(held()).toEqual([]);
    },
  );

  test('X06: after kill -9 between claim and print, ADD gives the same address and DEL frees it', async () => {
    const full = fullPipe(folder.folder);
    const { child, reply } = startPlugin(folder.socket, { verb: 'ADD', container: 'c1' }, full);
    await vi.waitUntil(() => held().length === 1, { interval: 2 });
    child.kill('SIGKILL');
    await expect(reply).rejects.toThrow('killed');
    closeSync(full);
    const [row] = held();
    const again = await addressesOf(plugin({ verb: 'ADD', container: 'c1' }));
    expect(again.map(addressOfResult)).toEqual([row!.address]);
    await silence(plugin({ verb: 'DEL', container: 'c1' }));
    expect(held()).toEqual([]);
  });

  test('X07: two interfaces of one pod get two addresses of one pool, and go one by one', async () => {
    const both = { container: 'c1', pod: { namespace: 'default', name: 'two-nics', uid: 'u' } };
    const first = await addressesOf(plugin({ verb: 'ADD', interfaceName: 'eth0', ...both }));
    const second = await addressesOf(plugin({ verb: 'ADD', interfaceName: 'net1', ...both }));
    expect(first).toHaveLength(1);
    expect(second).toHaveLength(1);
    expect(second).not.toEqual(first);
    await silence(plugin({ verb: 'DEL', interfaceName: 'eth0', ...both }));
    expect(held().map((row) => row.interfaceName)).toEqual(['net1']);
  });

  test('X08: 1,000 ADDs, 64 at once, give 1,000 addresses', { timeout: 60_000 }, async () => {
    const outcome = spawnMany(folder, { verb: 'ADD', container: 'c{i}' }, 1_000, 64);
    expect(outcome.exits).toEqual({ 0: 1_000 });
    const given = printedAddresses(folder);
    expect(new Set(given).size).toBe(1_000);
    expect(
      held()
        .map((row) => row.address)
        .sort(),
    ).toEqual(given.map(addressOfResult).sort());
    // The slowest is bounded by the work before it, not by somebody's timeout.
    expect(outcome.maxMs).toBeLessThan(5_000);
    const { pools } = await getJson<{ pools: { name: string; used: string }[] }>(
      folder.socket,
      '/v1/ipam/pools',
    );
    expect(pools.find((pool) => pool.name === 'large')?.used).toBe('1000');
    await silence(plugin({ verb: 'GC', config: { 'cni.dev/valid-attachments': [] } }));
  });

  test("X09: the plugin's own network namespace is refused before anything is claimed", async () => {
    const env = { CNI_NETNS: '/proc/self/ns/net' };
    const error = await errorOf(plugin({ verb: 'ADD', container: 'c1', env }));
    expect(error.code).toBe(4);
    expect(error.msg).toContain('/proc/self/ns/net');
    expect(held()).toEqual([]);
  });

  test('X10: an agent that dies in the middle of a call leaves one error document', async () => {
    using scratch = new AgentFolder();
    scratch.writeManifests(poolManifest(LARGE));
    const doomed = await AgentProcess.start(scratch);
    process.kill(doomed.pid, 'SIGSTOP');
    const reply = callPlugin(scratch.socket, { verb: 'ADD', container: 'c1' });
    const stuck = await openSocket(scratch.socket);
    await doomed.kill();
    stuck.destroy();
    expect(await errorOf(reply)).toMatchObject({ code: 11 });
  });

  test('X11: a cniVersion of the future is code 1 and names both sides', async () => {
    const config = { cniVersion: '1.2.0' };
    const error = await errorOf(plugin({ verb: 'ADD', container: 'c1', config }));
    expect(error.code).toBe(1);
    expect(error.details).toMatch(/"1\.2\.0".*"1\.1\.0"/);
    expect(held()).toEqual([]);
  });

  test('X12: CHECK fails once the address belongs to somebody else', async () => {
    const [address] = await addressesOf(plugin({ verb: 'ADD', container: 'robbed' }));
    const prevResult = { cniVersion: '1.1.0', ips: [{ address }] };
    const check: CniCall = { verb: 'CHECK', container: 'robbed', config: { prevResult } };
    await silence(plugin(check));
    await silence(plugin({ verb: 'DEL', container: 'robbed' }));
    const wish = { runtimeConfig: { ips: [address] } };
    const [stolen] = await addressesOf(plugin({ verb: 'ADD', container: 'thief', config: wish }));
    expect(stolen).toBe(address);
    expect(await errorOf(plugin(check))).toMatchObject({ code: 103 });
    // Also where the container has an address again, but not this one.
    await addressesOf(plugin({ verb: 'ADD', container: 'robbed' }));
    expect(await errorOf(plugin(check))).toMatchObject({ code: 103 });
  });
});

async function addressesOf(reply: Promise<CniReply>): Promise<readonly string[]> {
  const settled = await reply;
  if (!settled.ok) {
    throw new Error(`refused: ${settled.text}`);
  }
  return settled.addresses;
}

async function silence(reply: Promise<CniReply>): Promise<void> {
  expect(await reply).toMatchObject({ ok: true, text: '' });
}

async function errorOf(reply: Promise<CniReply>) {
  const settled = await reply;
  if (settled.ok) {
    throw new Error(`not refused: ${settled.text}`);
  }
  return settled.error;
}

/** A pipe into which not one byte more fits, so that who prints into it waits. */
function fullPipe(folder: string): number {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  for (;;) {
    try {
      writeSync(pipe, Buffer.alloc(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        return pipe;
      }
      throw error;
    }
  }
}

/** Starts the plugin many times; "{i}" in the call counts. What they print is in `printed` of the folder. */
function spawnMany(folder: AgentFolder, call: CniCall, count: number, parallel: number) {
  writeFileSync(join(folder.folder, 'config.json'), configText(call));
  const env = { ...environmentOf(call), ORBWEAVER_SOCKET: folder.socket };
  const text = execFileSync(buildSpawner().file, [
    ...['--program', pluginPath(), '--count', String(count), '--parallel', String(parallel)],
    ...['--stdin', join(folder.folder, 'config.json')],
    ...['--stdout', join(folder.folder, 'printed')],
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ]);
  return JSON.parse(text.toString()) as { exits: Record<number, number>; maxMs: number };
}

function printedAddresses(folder: AgentFolder): string[] {
  const printed = readFileSync(join(folder.folder, 'printed'), 'utf8');
  return [...printed.matchAll(/"address":\s*"([^"]+)"/g)].map((match) => match[1]!);
}
