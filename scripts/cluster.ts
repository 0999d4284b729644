/**
 * `npm run cluster -- up|status|down|build`: a real cluster on this machine that stays until it is taken down. It runs
 * in namespaces of its own; of this machine it uses one port of 127.0.0.1 and a folder.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { programPath } from '../test/cluster/support/binaries.ts';
import { buildPrograms } from '../test/cluster/support/build-programs.ts';
import { Cluster, missingForNodes } from '../test/cluster/support/cluster.ts';
import { installOrbweaver } from '../test/cluster/support/installation.ts';
import { isRunning } from '../test/cluster/support/process-identity.ts';
import { RunFolder } from '../test/cluster/support/run-folder.ts';
import { build } from './build.ts';

const NODES = ['node1', 'node2'];
const NODE_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const USAGE = `usage: npm run cluster -- up [NODE...] | status | down | build

  up      starts a control plane and these nodes (default: ${NODES.join(' ')})
  status  lists its processes
  down    takes it away
  build   only builds the programs that are missing`;

const started = performance.now();

function say(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.error(`${seconds.padStart(6)} s  ${line}`);
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
  await buildPrograms(say);
  const missing = missingForNodes();
  if (missing.length > 0) {
    console.error(`no cluster can run here:\n  ${missing.join('\n  ')}`);
    return 1;
  }
  await build();
  process.once('SIGINT', () => {
    say('interrupted: taking it down');
    // Nothing more is started while this waits.
    spawnSync(process.execPath, [import.meta.filename, 'down'], { stdio: 'inherit' });
    process.exit(130);
  });
  // The plugin comes with the agent.
  const node = { withoutOwnPlugins: true };
  const cluster = await Cluster.start({ nodes: names, node, kept: true, say });
  try {
    await installOrbweaver(cluster, say);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  const { run, kubeconfig } = cluster.controlPlane;
  const kubectl = run.file('bin', 'kubectl');
  symlinkSync(programPath('kubectl'), kubectl);
  say('ready');
  console.log(`export KUBECONFIG=${kubeconfig}`);
  console.log(`export PATH=${dirname(kubectl)}:$PATH`);
  console.log('kubectl get nodes');
  return 0;
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
