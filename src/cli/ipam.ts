/** `orbweaver ipam …`, in the shape of calicoctl's (reference/calico.md section 7). */
import { type Command, Option } from 'commander';
import type {
  AddressResponse,
  BorrowedResponse,
  CheckResponse,
  PoolsResponse,
  ReleaseRequest,
} from '../agent/protocol.ts';
import { declareCommand, withTarget } from './command.ts';
import { configurationTable, configureCommand } from './ipam-configure.ts';
import { blockRows, borrowedTable, type Layout, usageTable } from './ipam-table.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

interface ShowOptions extends TargetOptions {
  readonly showBlocks?: boolean;
  readonly showBorrowed?: boolean;
  readonly showConfiguration?: boolean;
  readonly ip?: string;
  readonly layout: Layout;
  readonly output?: 'json';
}

/** Declares `orbweaver ipam`; its action writes to the shell. */
export function ipamCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'ipam',
    summary: 'Show, check and release addresses, and configure blocks',
    examples: ['ipam show', 'ipam show --show-blocks', 'ipam show --ip 172.18.41.40'],
  });
  return command
    .addCommand(showCommand(shell))
    .addCommand(checkCommand(shell))
    .addCommand(releaseCommand(shell))
    .addCommand(configureCommand(shell));
}

function showCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'show',
    summary: 'Show how full the pools are, their blocks, or who holds an address',
    examples: ['ipam show', 'ipam show --show-blocks --layout current', 'ipam show --ip 10.64.0.1'],
  });
  return withTarget(command)
    .option('--show-blocks', 'every block that is owned or in use, under its pool')
    .option('--show-borrowed', 'addresses that nodes hold outside of their own blocks')
    .option('--show-configuration', "how nodes use the blocks of Calico's pools")
    .option('--ip <address>', 'who holds this address')
    .addOption(
      new Option('--layout <name>', 'classic, or current with a column of reserved addresses')
        .choices(['classic', 'current'])
        .default('classic'),
    )
    .addOption(new Option('-o, --output <form>', 'for programs').choices(['json']))
    .action(async (options: ShowOptions) => {
      if (options.ip !== undefined) {
        await showAddress(shell, options, options.ip);
        return;
      }
      // Of several, the first wins in this order, as with calicoctl.
      if (options.showBlocks !== true && options.showBorrowed === true) {
        await showBorrowed(shell, options);
        return;
      }
      if (options.showBlocks !== true && options.showConfiguration === true) {
        shell.terminal.out(await configurationTable(shell.agent(options), options.layout));
        return;
      }
      await showPools(shell, options);
    });
}

async function showPools(shell: Shell, options: ShowOptions): Promise<void> {
  const query = options.showBlocks === true ? { blocks: 'true' } : {};
  const response = await shell.agent(options).get<PoolsResponse>('/v1/ipam/pools', query);
  shell.terminal.out(
    options.output === 'json'
      ? `${JSON.stringify(response, undefined, 2)}\n`
      : usageTable(blockRows(response, options.layout), options.layout),
  );
}

async function showBorrowed(shell: Shell, options: ShowOptions): Promise<void> {
  const response = await shell.agent(options).get<BorrowedResponse>('/v1/ipam/borrowed');
  shell.terminal.out(
    options.output === 'json'
      ? `${JSON.stringify(response, undefined, 2)}\n`
      : borrowedTable(response.rows, options.layout),
  );
}

async function showAddress(shell: Shell, options: ShowOptions, ip: string): Promise<void> {
  const found = await shell.agent(options).get<AddressResponse>('/v1/ipam/address', { ip });
  shell.terminal.out(
    options.output === 'json' ? `${JSON.stringify(found, undefined, 2)}\n` : describeAddress(found),
  );
}

function describeAddress(found: AddressResponse): string {
  const attributes = Object.entries(found.attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `  ${key}: ${value}\n`)
    .join('');
  switch (found.state) {
    case 'used':
      return `IP ${found.ip} is in use\nHandle ID: ${found.handle ?? '<none>'}\nActive Owner Attributes:\n${attributes}`;
    case 'resting':
      return `${found.ip} is not assigned, it rests after its release\nLast Owner Attributes:\n${attributes}`;
    case 'reserved':
      return `${found.ip} is not assigned, it is reserved\n`;
    case 'free':
      return found.pools.length === 0
        ? `${found.ip} is not assigned, it is in no pool\n`
        : `${found.ip} is not assigned\n`;
  }
}

function checkCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'check',
    summary: 'Look for claims that contradict the pools, and check the engine from end to end',
    more: 'Exit code 1 where a problem was found.',
    examples: ['ipam check'],
  });
  return withTarget(command).action(async (options: TargetOptions) => {
    shell.terminal.out('Checking IPAM for inconsistencies...\n');
    const found = await shell.agent(options).get<CheckResponse>('/v1/ipam/check');
    shell.terminal.out(`\nFound ${found.blocks} IPAM blocks.\n`);
    shell.terminal.out(`IPAM blocks record ${found.claims} allocations.\n`);
    shell.terminal.out(`Found ${found.pools} active IP pools.\n\n`);
    for (const problem of found.problems) {
      shell.terminal.out(`  ${problem.ip} ${problem.what}\n`);
    }
    shell.terminal.out(`Check complete; found ${found.problems.length} problems.\n`);
    shell.exitCode = found.problems.length === 0 ? 0 : 1;
  });
}

function releaseCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'release',
    summary: 'Free an address whose pod is gone for good',
    more: 'Nothing is asked: an address that a pod still uses could be given twice on the wire.',
    examples: ['ipam release --ip 172.18.41.40'],
  });
  return withTarget(command)
    .requiredOption('--ip <address>', 'the address')
    .action(async (options: TargetOptions & { ip: string }) => {
      const request: ReleaseRequest = { ip: options.ip };
      await shell.agent(options).post('/v1/ipam/release', request);
      shell.terminal.out(`Successfully released IP address ${options.ip}\n`);
    });
}
