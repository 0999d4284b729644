/**
 * `orbweaver ipam configure` and what it sets: the one IPAMConfiguration (reference/calico.md 7.5).
 */
import { type Command, InvalidArgumentError } from 'commander';
import type {
  ApplyRequest,
  ApplyResponse,
  ObjectsResponse,
  PatchRequest,
} from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { CALICO_IPAM_DEFAULTS } from '../dialect/calico.ts';
import { declareCommand, withTarget } from './command.ts';
import type { CommandClient } from './command-client.ts';
import type { Layout } from './ipam-table.ts';
import type { Shell } from './shell.ts';
import { boxTable } from './table.ts';
import type { TargetOptions } from './target.ts';

/** Calico has one object of this kind, and this is its name. */
const NAME = 'default';

/** Fields of the object and the names by which calicoctl calls them. */
const PROPERTIES = {
  strictAffinity: 'StrictAffinity',
  maxBlocksPerHost: 'MaxBlocksPerHost',
  ipCooldownSeconds: 'IPCooldownSeconds',
} as const;

interface ConfigureOptions extends TargetOptions {
  readonly strictaffinity?: boolean;
  readonly maxBlocksPerHost?: number;
  readonly ipCooldownSeconds?: number;
}

/** Declares `orbweaver ipam configure`; its action writes to the shell. */
export function configureCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'configure',
    summary: "Set how nodes use the blocks of Calico's pools",
    examples: ['ipam configure --strictaffinity=true', 'ipam configure --max-blocks-per-host=4'],
  });
  return withTarget(command)
    .option('--strictaffinity <bool>', 'a node takes addresses of its own blocks only', readBool)
    .option('--max-blocks-per-host <count>', 'blocks that a node may own; 0: 20', readCount)
    .option('--ip-cooldown-seconds <count>', 'rest of a released address', readCount)
    .action(async (options: ConfigureOptions) => {
      const given = {
        strictAffinity: options.strictaffinity,
        maxBlocksPerHost: options.maxBlocksPerHost,
        ipCooldownSeconds: options.ipCooldownSeconds,
      };
      const set = Object.entries(given).filter(([, value]) => value !== undefined);
      if (set.length === 0) {
        throw new OrbweaverError('USAGE', 'at least one configuration option must be specified');
      }
      await write(shell.agent(options), Object.fromEntries(set));
      for (const [key, value] of set) {
        const property = PROPERTIES[key as keyof typeof PROPERTIES];
        shell.terminal.out(`Successfully set ${property} to: ${value}\n`);
      }
    });
}

/** The table of `ipam show --show-configuration`, defaults filled in. */
export async function configurationTable(agent: CommandClient, layout: Layout): Promise<string> {
  const spec = (await read(agent)) ?? {};
  const rows = [
    ['StrictAffinity', String(spec.strictAffinity ?? CALICO_IPAM_DEFAULTS.strictAffinity)],
    [
      'AutoAllocateBlocks',
      String(spec.autoAllocateBlocks ?? CALICO_IPAM_DEFAULTS.autoAllocateBlocks),
    ],
    ['MaxBlocksPerHost', String(spec.maxBlocksPerHost ?? 0)],
  ];
  if (layout === 'current') {
    rows.push(['IPCooldownSeconds', String(spec.ipCooldownSeconds ?? LIMITS.restMs / 1_000)]);
  }
  const columns = [
    { title: 'PROPERTY', align: 'left' },
    { title: 'VALUE', align: 'left' },
  ] as const;
  return boxTable(columns, rows, layout === 'classic' ? 'centred' : 'left');
}

/** The fields of the object, undefined where there is none. */
async function read(agent: CommandClient): Promise<Readonly<Record<string, unknown>> | undefined> {
  // Asked for by name, an object that is not there would be an error.
  const query = { kind: 'CalicoIPAMConfiguration' };
  const { objects } = await agent.get<ObjectsResponse>('/v1/objects', query);
  return objects[0] && ((objects[0].spec ?? {}) as Readonly<Record<string, unknown>>);
}

async function write(agent: CommandClient, spec: Readonly<Record<string, unknown>>): Promise<void> {
  if ((await read(agent)) !== undefined) {
    const ref = { kind: 'CalicoIPAMConfiguration', namespace: '', name: NAME } as const;
    const request: PatchRequest = { ref, type: 'merge', patch: { spec } };
    await agent.post('/v1/patch', request);
    return;
  }
  const object = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPAMConfiguration',
    metadata: { name: NAME },
    spec,
  };
  const request: ApplyRequest = { objects: [object], mode: 'create' };
  const [result] = (await agent.post<ApplyResponse>('/v1/apply', request)).results;
  if (result?.error !== undefined) {
    const { code, message, details } = result.error;
    throw new OrbweaverError(code, message, details);
  }
}

function readBool(text: string): boolean {
  if (text !== 'true' && text !== 'false') {
    throw new InvalidArgumentError('It is true or false.');
  }
  return text === 'true';
}

function readCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new InvalidArgumentError('It is a whole number.');
  }
  return Number(text);
}
