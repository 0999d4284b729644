/**
 * kill -9 at random points: of the agent under churn and while it starts, of plugins in the middle of a
 * call. `KILLS=200 npx vitest run test/process/kill.test.ts` is the long form; `SEED=…` repeats its choices,
 * though not the machine's timing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentFolder, AgentProcess, getJson } from '../support/agent-process.ts';
import { callAgent, NETWORK } from '../support/cni-call.ts';
import { type HeldRow, heldRows } from '../support/state-file.ts';
import { Random } from '../world/random.ts';
import { Churn } from './churn.ts';
import type { Container } from './container.ts';
import { dualStackPools } from './pools.ts';

const KILLS = Number(process.env.KILLS ?? 25);
/** Without a number asked for, a slow machine makes fewer kills rather than a slow test. */
const KILLING_MS = process.env.KILLS === undefined ? 30_000 : Number.POSITIVE_INFINITY;
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const FAMILIES = 2;
const FAULTS_SHOWN = 10;
const ADDRESSES = 300;
/** The agent is killed within so many answers; a count, because a busy machine gives few in a time. */
const ANSWERS_MOST = 300;
/** And then a little later, in milliseconds, so that it is not always killed just after an answer. */
const LATER_MS = 3;
/** Longer than the agent needs to start, in milliseconds. */
const START_MS = 700;

describe(`an agent and plugins that are killed (seed ${SEED})`, () => {
  const random = new Random(SEED);
  const folder = new AgentFolder();
  const counts = { kills: 0, killsInStart: 0, rows: 0, checks: 0 };
  let agent: AgentProcess;
  let churn: Churn;

  beforeAll(async () => {
    folder.writeManifests(dualStackPools(ADDRESSES));
    agent = await AgentProcess.start(folder);
    churn = new Churn({
      random,
      socket: folder.socket,
      workers: 24,
      containersPerWorker: 8,
      pluginShare: 0.08,
      killShare: 0.08,
    });
  });

  afterAll(async () => {
    await churn.end();
    await agent.kill();
    folder[Symbol.dispose]();
    const { adds, dels, refused, unanswered, pluginsKilled } = churn.counts;
    console.log(
      `seed ${SEED}: agent killed ${counts.kills} times, ${counts.killsInStart} of them while starting; ` +
        `plugins killed ${pluginsKilled}; ADDs answered ${adds}, DELs answered ${dels}, refused ${refused}, ` +
        `without an answer ${unanswered}; ${counts.checks} checks of ${counts.rows} held rows`,
    );
  });

  /** All rows of the state file against what the runtime knows. */
  function checkFile(copy: boolean): void {
    const rows = heldRows(folder.state, { copy });
    counts.rows += rows.length;
    counts.checks += 1;
    expect(new Set(rows.map((row) => row.address)).size).toBe(rows.length);
    const left = new Set(rows);
    const faults = churn.containers.flatMap((container) => {
      const own = ofContainer(container, rows);
      for (const row of own) {
        left.delete(row);
      }
      return container.faultOf(own, FAMILIES) ?? [];
    });
    expect([...churn.faults, ...faults].slice(0, FAULTS_SHOWN)).toEqual([]);
    expect([...left]).toEqual([]);
  }

  /** The same through the agent's own eyes: CHECK of everything that is held and quiet. */
  async function checkAgent(): Promise<void> {
    const held = churn.containers.filter(({ busy, standing }) => !busy && standing === 'held');
    const replies = await Promise.all(held.map((container) => check(folder.socket, container)));
    counts.checks += 1;
    expect(replies.filter((reply) => !reply.ok)).toEqual([]);
  }

  async function killOften(): Promise<void> {
    const until = performance.now() + KILLING_MS;
    while (counts.kills < KILLS && performance.now() < until) {
      churn.resume();
      await churn.answers(random.below(ANSWERS_MOST));
      await elapse(random.next() * LATER_MS);
      churn.pause();
      await agent.kill();
      counts.kills += 1;
      checkFile(true);
      if (random.chance(0.2)) {
        const starting = AgentProcess.spawn(folder);
        await elapse(random.next() * START_MS);
        await starting.kill();
        counts.kills += 1;
        counts.killsInStart += 1;
        checkFile(true);
      }
      agent = await AgentProcess.start(folder);
      await checkAgent();
    }
    churn.resume();
    await churn.end();
    checkFile(false);
    await checkAgent();
  }

  /** The runtime deletes one half, and has GC clear away what it does not run of the other, and then all. */
  async function clearAway(): Promise<void> {
    const half = churn.containers.filter((_, at) => at % 2 === 0);
    await Promise.all(half.map((container) => deleteUntilAnswered(churn, container)));
    checkFile(false);
    // A runtime lists what it runs; what it never saw come up is not among it.
    const running = churn.containers.filter(({ standing }) => standing === 'held');
    await collect(folder.socket, running);
    for (const container of churn.containers) {
      if (container.standing === 'doubtful') {
        container.lose();
      }
    }
    checkFile(false);
    await collect(folder.socket, []);
    expect(heldRows(folder.state, { copy: false })).toEqual([]);
    const { pools } = await getJson<{ pools: { used: string; total: string }[] }>(
      folder.socket,
      '/v1/ipam/pools',
    );
    expect(pools.map(({ used, total }) => [used, total])).toEqual([
      ['0', String(ADDRESSES)],
      ['0', String(ADDRESSES)],
    ]);
  }

  test(`keep every answered ADD over up to ${KILLS} kills, and nothing after DEL and GC`, {
    timeout: 30_000 + KILLS * 5_000,
  }, async () => {
    await killOften();
    await clearAway();
  });
});

function ofContainer(container: Container, rows: readonly HeldRow[]): HeldRow[] {
  return rows.filter((row) => container.owns(row));
}

function check(socket: string, container: Container) {
  const ips = container.addresses.map((address) => ({ address }));
  return callAgent(socket, {
    verb: 'CHECK',
    container: container.id,
    interfaceName: container.interfaceName,
    config: { prevResult: { cniVersion: '1.1.0', ips } },
    ...(container.owner === undefined ? {} : { pod: container.owner }),
  });
}

async function deleteUntilAnswered(churn: Churn, container: Container): Promise<void> {
  while (container.standing !== 'gone') {
    await churn.del(container);
  }
}

async function collect(socket: string, running: readonly Container[]): Promise<void> {
  const valid = running.map((container) => ({
    containerID: container.id,
    ifname: container.interfaceName,
  }));
  const reply = await callAgent(socket, {
    verb: 'GC',
    config: { name: NETWORK, 'cni.dev/valid-attachments': valid },
  });
  expect(reply).toMatchObject({ ok: true, text: '' });
}

function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
