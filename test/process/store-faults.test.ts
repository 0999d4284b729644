/**
 * What the disk and other agents do to the state folder. Mounts live in a mount namespace of the agent's own,
 * so nothing of them is left when it ends.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentFolder, AgentProcess } from '../support/agent-process.ts';
import { type CniCall, type CniReply, callAgent } from '../support/cni-call.ts';
import { callPlugin } from '../support/plugin-process.ts';
import { addressOfResult, editState, heldRows } from '../support/state-file.ts';
import { poolManifest } from './pools.ts';

const POOL = poolManifest({ name: 'pool', subnet: '10.72.0.0/16', ips: ['10.72.1.0-10.72.8.255'] });
/** CNI: try again later. */
const TRY_AGAIN = 11;

const cannotMount = mountsAreMissing();

describe('a full disk', () => {
  const folder = new AgentFolder();
  let agent: AgentProcess;
  /** The tmpfs as the agent sees it. */
  let state: string;
  /** Container → address, of every ADD that was answered. */
  const given = new Map<string, string>();
  const refused: string[] = [];

  beforeAll(async () => {
    if (cannotMount === undefined) {
      folder.writeManifests(POOL);
      agent = await AgentProcess.start(folder, {
        stage: 'mount -t tmpfs -o size=4m,mode=0700 tmpfs "$STATE" && exec "$@"',
        env: { STATE: folder.state },
      });
      state = join(`/proc/${agent.pid}/root`, folder.state);
    }
  });

  afterAll(async () => {
    await agent?.kill();
    folder[Symbol.dispose]();
  });

  async function addAll(containers: readonly string[]): Promise<void> {
    const add = (container: string) => callAgent(folder.socket, { verb: 'ADD', container });
    for (const [at, reply] of (await Promise.all(containers.map(add))).entries()) {
      const container = containers[at]!;
      if (reply.ok) {
        given.set(container, addressOfResult(reply.addresses[0]!));
      } else {
        expect(reply.error.code).toBe(TRY_AGAIN);
        expect(`${reply.error.msg} ${reply.error.details}`).toMatch(/disk/);
        refused.push(container);
      }
    }
  }

  function expectFileToAgree(): void {
    // All calls are answered, so the files stand still; SQLite cannot open a path under /proc/PID/root.
    const rows = heldRows(state, { copy: true });
    const seen = rows.map((row) => [row.container, row.address]);
    expect(new Map(seen as [string, string][])).toEqual(given);
    expect(new Set(rows.map((row) => row.address)).size).toBe(rows.length);
  }

  test.skipIf(cannotMount)(
    `refuses what does not fit and keeps what was answered${because(cannotMount)}`,
    async () => {
      await addAll(names('early', 50));
      expect(refused).toEqual([]);
      fill(state, 0);
      await addAll(names('full', 64));
      expect(refused).not.toEqual([]);
      expectFileToAgree();
    },
  );

  test.skipIf(cannotMount)(
    `that fills in the middle of group commits harms no other ADD of the group${because(cannotMount)}`,
    async () => {
      // Each round leaves a little more room, so that some of a group fits and some does not.
      for (const [round, room] of [1, 2, 4, 8, 16, 32].entries()) {
        rmSync(join(state, 'filler'));
        fill(state, room);
        await addAll(names(`round${round}`, 96));
        expectFileToAgree();
      }
    },
  );

  test.skipIf(cannotMount)(
    `does not take a claim away from a DEL that it refuses${because(cannotMount)}`,
    async () => {
      rmSync(join(state, 'filler'));
      fill(state, 0);
      const containers = [...given.keys()].slice(0, 40);
      const del = (container: string) => callAgent(folder.socket, { verb: 'DEL', container });
      for (const [at, reply] of (await Promise.all(containers.map(del))).entries()) {
        if (reply.ok) {
          given.delete(containers[at]!);
        }
      }
      expectFileToAgree();
    },
  );

  test.skipIf(cannotMount)(
    `is forgotten once there is room again${because(cannotMount)}`,
    async () => {
      rmSync(join(state, 'filler'));
      const again = refused.splice(0);
      await addAll(again);
      expect(refused).toEqual([]);
      expectFileToAgree();
    },
  );
});

describe('a state folder', () => {
  test.skipIf(cannotMount)(
    `that is read-only is refused in one line that names it${because(cannotMount)}`,
    async () => {
      using folder = new AgentFolder();
      const agent = AgentProcess.spawn(folder, {
        stage: 'mount --bind "$STATE" "$STATE" && mount -o remount,ro,bind "$STATE" && exec "$@"',
        env: { STATE: folder.state },
      });
      expect(await agent.exit).toMatchObject({ code: 1 });
      expectOneError(agent, [folder.state]);
    },
  );

  test('that another agent holds is refused, and that agent goes on', async () => {
    using folder = new AgentFolder();
    folder.writeManifests(POOL);
    await using first = await AgentProcess.start(folder);
    const second = AgentProcess.spawn(folder, {
      args: ['--socket', join(folder.folder, 'second.sock')],
    });
    expect(await second.exit).toMatchObject({ code: 1 });
    expectOneError(second, [folder.state, `process ${first.pid}`]);
    expect(await callAgent(folder.socket, { verb: 'ADD', container: 'c' })).toMatchObject({
      ok: true,
    });
  });

  test('of its own does not help a second agent on the same socket', async () => {
    using folder = new AgentFolder();
    folder.writeManifests(POOL);
    await using _first = await AgentProcess.start(folder);
    const second = AgentProcess.spawn(folder, {
      args: ['--state', join(folder.folder, 'state2')],
    });
    expect(await second.exit).toMatchObject({ code: 1 });
    expectOneError(second, [folder.socket]);
    expect(await callAgent(folder.socket, { verb: 'ADD', container: 'c' })).toMatchObject({
      ok: true,
    });
  });
});

describe('a state file', () => {
  const folder = new AgentFolder();
  const file = join(folder.state, 'state.db');
  let good: Buffer;

  beforeAll(async () => {
    folder.writeManifests(POOL);
    const agent = await AgentProcess.start(folder);
    for (const container of names('c', 100)) {
      await callAgent(folder.socket, { verb: 'ADD', container });
    }
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    good = readFileSync(file);
  });

  afterAll(() => folder[Symbol.dispose]());

  const faults: [name: string, harm: () => void, says: string][] = [
    ['that is empty', () => truncateSync(file, 0), 'damaged'],
    ['that is text', () => writeFileSync(file, 'pools:\n'.repeat(1_000)), 'damaged'],
    ['that ends after half', () => truncateSync(file, good.length / 2), 'damaged'],
    ['with zeros for its tables', () => writeFileSync(file, withZeros(good)), 'damaged'],
    ['of another program', () => editState(folder.state, 'PRAGMA application_id = 7'), 'damaged'],
    ['of a newer version', () => editState(folder.state, 'PRAGMA user_version = 99'), '99'],
  ];

  test.each(faults)('%s is refused and left as it is', async (_name, harm, says) => {
    writeFileSync(file, good);
    harm();
    const before = digest(file);
    const agent = AgentProcess.spawn(folder);
    expect(await agent.exit).toMatchObject({ code: 1 });
    expectOneError(agent, [file, says]);
    expect(digest(file)).toBe(before);
  });

  test('that is put back serves what it held', async () => {
    writeFileSync(file, good);
    await using _agent = await AgentProcess.start(folder);
    expect(heldRows(folder.state, { copy: false })).toHaveLength(100);
    expect(await callPlugin(folder.socket, { verb: 'STATUS' })).toMatchObject({ ok: true });
  });
});

describe('an agent without pools', () => {
  test('says so to STATUS with 50 and to ADD, and serves DEL', async () => {
    using folder = new AgentFolder();
    await using _agent = await AgentProcess.start(folder);
    expect(await errorOf(folder, { verb: 'STATUS' })).toMatchObject({ code: 50 });
    expect(await errorOf(folder, { verb: 'ADD' })).toMatchObject({ code: 7 });
    expect(await callPlugin(folder.socket, { verb: 'DEL' })).toMatchObject({ ok: true, text: '' });
  });
});

async function errorOf(folder: AgentFolder, call: CniCall) {
  const reply: CniReply = await callPlugin(folder.socket, call);
  return reply.ok ? undefined : reply.error;
}

/** One line for people, no stack, holding all the texts. */
function expectOneError(agent: AgentProcess, texts: readonly string[]): void {
  expect(agent.logs).not.toMatch(/\n\s+at /);
  for (const text of texts) {
    expect(agent.logs).toContain(text);
  }
}

function names(stem: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${stem}-${at}`);
}

/** Writes until nothing fits any more, but for some KiB. */
function fill(folder: string, roomKiB: number): void {
  const path = join(folder, 'filler');
  const file = openSync(path, 'w');
  const piece = Buffer.alloc(1024, 1);
  let written = 0;
  for (;;) {
    try {
      written += writeSync(file, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') {
        throw error;
      }
      break;
    }
  }
  closeSync(file);
  truncateSync(path, Math.max(0, written - roomKiB * 1024));
}

function withZeros(bytes: Buffer): Buffer {
  const pageBytes = bytes.readUInt16BE(16);
  return Buffer.concat([bytes.subarray(0, pageBytes), Buffer.alloc(bytes.length - pageBytes)]);
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Why mounts in a namespace of one's own cannot be made here, or undefined where they can. */
function mountsAreMissing(): string | undefined {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  const tried = spawnSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']);
  return tried.status === 0 ? undefined : `cannot mount: ${tried.stderr ?? 'no unshare'}`.trim();
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : ` (skipped: ${reason})`;
}
