/**
 * `npm run cluster -- up|status|down|walk|build`: a real cluster on this machine that stays until it is taken down, and
 * the tutorials on it. It runs in namespaces of its own; of this machine it uses one port of 127.0.0.1 and a folder.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { processTerminal } from '../src/cli/terminal.ts';
import { buildPrograms } from '../test/cluster/support/build-programs.ts';
import { Cluster, missingForNodes } from '../test/cluster/support/cluster.ts';
import { installOrbweaver } from '../test/cluster/support/installation.ts';
import { isRunning } from '../test/cluster/support/process-identity.ts';
import { RunFolder } from '../test/cluster/support/run-folder.ts';
import { linkPrograms } from '../test/cluster/support/user-programs.ts';
import {
  CLUSTER_STORIES,
  chooseClusterStories,
  walkCluster,
} from '../test/cluster/walks/cluster-walks.ts';
import { WalkedCluster } from '../test/cluster/walks/walked-cluster.ts';
import { build } from './build.ts';

const NODES = ['node1', 'node2'];
/** What a shell says of a command that Ctrl-C ended. */
const INTERRUPTED = 130;
const NODE_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const USAGE = `usage: npm run cluster -- up [NODE...] | status | down | walk [NAME...] | build

  up      starts a control plane and these nodes (default: ${NODES.join(' ')})
  status  lists its processes
  down    takes it away
  walk    walks through tutorials (default: all) on the cluster that is up, else on one of its own
  build   only builds the programs that are missing

walks:
${CLUSTER_STORIES.map(({ name, title }) => `  ${name.padEnd(34)} ${title}`).join('\n')}`;

const started = performance.now();

function say(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.error(`${seconds.padStart(6)} s  ${line}`);
}

/** Builds what a cluster is made of; false where this machine lacks something, which has been said. */
async function prepare(): Promise<boolean> {
  await buildPrograms(say);
  const missing = missingForNodes();
  if (missing.length > 0) {
    console.error(`no cluster can run here:\n  ${missing.join('\n  ')}`);
    return false;
  }
  await build();
  return true;
}

async function up(names: readonly string[]): Promise<number> {
  const wrong = names.find((name) => !NODE_NAME.test(name));
  if (wrong !== undefined) {
    console.error(`${wrong} is no name of a node\n\n${USAGE}`);
    return 2;
  }
  const there = RunFolder.kept();
  if (there !== undefined) {
    console.error(`a cluster is up already: ${there.path} (npm run cluster -- down)`);
    return 1;
  }
  if (!(await prepare())) return 1;
  process.once('SIGINT', () => {
    say('interrupted: taking it down');
    // Nothing more is started while this waits.
    spawnSync(process.execPath, [import.meta.filename, 'down'], { stdio: 'inherit' });
    process.exit(INTERRUPTED);
  });
  const cluster = await startInstalled(names, true);
  const { run, kubeconfig } = cluster.controlPlane;
  const programs = linkPrograms(run);
  say('ready');
  console.log(`export KUBECONFIG=${kubeconfig}`);
  console.log(`export PATH=${programs}:$PATH`);
  console.log('kubectl get nodes');
  return 0;
}

/** A cluster with Orbweaver in it. */
async function startInstalled(nodes: readonly string[], kept: boolean): Promise<Cluster> {
  // The plugin comes with the agent.
  const node = { withoutOwnPlugins: true };
  const cluster = await Cluster.start({ nodes, node, kept, say });
  try {
    await installOrbweaver(cluster, say);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

async function walk(names: readonly string[]): Promise<number> {
  const stories = chooseClusterStories(names);
  if (stories === undefined) {
    console.error(`there is no such walk\n\n${USAGE}`);
    return 2;
  }
  const kept = RunFolder.kept();
  if (kept === undefined && !(await prepare())) return 1;
  const interrupt = new AbortController();
  // Not `once`: npm passes on the signal that the terminal sends as well.
  process.on('SIGINT', () => interrupt.abort(new Error('interrupted')));
  await using own = kept === undefined ? await startInstalled(NODES, false) : undefined;
  const cluster = new WalkedCluster(own?.controlPlane.run ?? kept!);
  if (cluster.nodes.length < NODES.length) {
    console.error(`walks want ${NODES.length} nodes (npm run cluster -- down, then up)`);
    return 1;
  }
  try {
    const failures = await walkCluster(cluster, stories, processTerminal(), interrupt.signal);
    return failures === 0 ? 0 : 1;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    say('interrupted: what the walk had applied is still there where the cluster stays');
    return INTERRUPTED;
  }
}

function status(): number {
  const run = RunFolder.kept();
  if (run === undefined) {
    console.log('no cluster is up (npm run cluster -- up)');
    return 1;
  }
  const rows = [...run.processes()].filter(([name]) => !/^(first|holder)-/.test(name));
  const width = Math.max(...rows.map(([name]) => name.length));
  console.log(`${'PROCESS'.padEnd(width)}  STATE    PID`);
  for (const [name, identity] of rows) {
    const state = isRunning(identity) ? 'running' : 'ended';
    console.log(`${name.padEnd(width)}  ${state.padEnd(7)}  ${identity.pid}`);
  }
  console.log(`\nexport KUBECONFIG=${run.path}/admin.kubeconfig`);
  return rows.every(([, identity]) => isRunning(identity)) ? 0 : 1;
}

async function down(): Promise<number> {
  const run = RunFolder.kept();
  if (run === undefined) {
    console.log('no cluster is up');
    return 0;
  }
  say(`removing ${run.processes().size} processes and ${run.path}`);
  await run.remove();
  say(existsSync(run.path) ? 'its folder is still there' : 'gone');
  return 0;
}

async function main([command, ...names]: readonly string[]): Promise<number> {
  switch (command) {
    case 'up':
      return await up(names.length === 0 ? NODES : [...new Set(names)]);
    case 'status':
      return status();
    case 'down':
      return await down();
    case 'walk':
      return await walk(names);
    case 'build':
      await buildPrograms(say);
      return 0;
    default:
      console.error(USAGE);
      return 2;
  }
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
