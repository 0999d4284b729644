/**
 * An explanation for people: the source, each pool and its reason, and the address that comes next.
 */
import type { ExplainedFamily, ExplainResponse } from '../agent/protocol.ts';
import { alignedTable } from './table.ts';
import type { Terminal } from './terminal.ts';

type Interface = ExplainResponse['interfaces'][number];

/** Several lines, the last ended by a line feed. */
export function explanationText(response: ExplainResponse, terminal: Terminal): string {
  const { pod, held, refusal } = response;
  const parts = [
    `${terminal.bold(`Pod ${pod.namespace}/${pod.name}`)} on node ${pod.node}\n`,
    held
      .map(
        ({ address, pool, interface: name }) =>
          `Holds ${address} of pool ${pool}${name === '' ? '' : ` on ${name}`}; a new sandbox keeps it.\n`,
      )
      .join(''),
    sourceTable(response),
    ...response.interfaces.flatMap((item) =>
      item.families.map((family) => familyText(item, family, terminal)),
    ),
    response.customRoutes.map(({ dst, gw }) => `Route ${dst} via ${gw}\n`).join(''),
    refusal === undefined
      ? ''
      : `${terminal.red(`Refused: ${refusal.message}`)}\n` +
        (refusal.details === '' ? '' : `  ${refusal.details}\n`) +
        `  ${nextStep(refusal)}\n`,
    response.notes.map((note) => `Note: ${note}\n`).join(''),
    response.warnings.map((warning) => `${terminal.yellow(`Warning: ${warning}`)}\n`).join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** The catalogue's hint; where that is to run this very command, what to do with its answer. */
function nextStep(refusal: NonNullable<ExplainResponse['refusal']>): string {
  return refusal.hint.includes('orbweaver explain')
    ? 'Change what a reason above names: a label, an affinity of the pool, or the list of pools.'
    : refusal.hint;
}

/** Sources that are silent say nothing about the outcome, so they are named in one line. */
function sourceTable({ sources, source, dialect }: ExplainResponse): string {
  const speaking = sources.filter((line) => line.state !== 'silent');
  const silent = sources.filter((line) => line.state === 'silent').map((line) => line.source);
  const head =
    source === undefined
      ? 'No source names a pool.\n'
      : `Source: ${source} (dialect ${dialect}).\n`;
  const table =
    speaking.length === 0
      ? ''
      : alignedTable(
          ['SOURCE', 'STATE', 'SAYS'],
          speaking.map((line) => [line.source, line.state, line.text]),
        );
  return `${head}${table}${silent.length === 0 ? '' : `Silent: ${silent.join(', ')}.\n`}`;
}

function familyText(item: Interface, family: ExplainedFamily, terminal: Terminal): string {
  const name = item.name === '' ? `interface ${item.order}` : item.name;
  const rows = family.pools.map((pool) => [
    pool.place === undefined ? '-' : String(pool.place),
    pool.name,
    pool.verdict,
    count(pool.counts?.free),
    count(pool.counts?.used),
    count(pool.counts?.resting),
    count(pool.counts?.reserved),
    pool.because === '' ? pool.reason : `${pool.reason} (${pool.because})`,
  ]);
  const header = ['TRY', 'POOL', 'VERDICT', 'FREE', 'USED', 'RESTING', 'RESERVED', 'REASON'];
  return (
    `${terminal.bold(`${name}, IPv${family.family}`)}\n` +
    (rows.length === 0 ? '' : alignedTable(header, rows)) +
    nextLine(family, terminal)
  );
}

function nextLine({ next, requested }: ExplainedFamily, terminal: Terminal): string {
  const asked =
    requested === undefined
      ? ''
      : ` (asked for by number: ${requested.address}, ${requested.road})`;
  return next === undefined
    ? `Next address: none${asked}\n`
    : `Next address: ${terminal.green(next.address)} of pool ${next.pool}${asked}\n`;
}

function count(value: number | undefined): string {
  return value === undefined ? '-' : String(value);
}
