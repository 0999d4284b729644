/** `orbweaver describe pod …`. */
import type { Command } from 'commander';
import type { EventRow, EventsResponse, ObjectsResponse } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { humanDuration } from '../dialect/age.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { declareCommand, withNamespace, withTarget } from './command.ts';
import { readTargets } from './object-name.ts';
import type { Shell } from './shell.ts';
import { alignedTable } from './table.ts';
import type { TargetOptions } from './target.ts';

/** kubectl's column of names is this wide for pods. */
const LABEL_WIDTH = 18;

/** Declares `orbweaver describe`; its action writes to the shell. */
export function describeCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'describe <targets...>',
    summary: 'Show a pod with its addresses and the refusals it met',
    examples: ['describe pod web-0 -n shop', 'describe po'],
  });
  return withTarget(withNamespace(command)).action(
    async (words: string[], options: TargetOptions & { namespace: string }) => {
      const texts: string[] = [];
      for (const { kind, name } of readTargets(words)) {
        if (kind.id !== 'Pod') {
          throw new OrbweaverError(
            'USAGE',
            `only pods are described; for ${kind.plural} there is get ${kind.singular} -o yaml`,
          );
        }
        texts.push(...(await describePods(shell, options, name)));
      }
      shell.terminal.out(
        texts.length === 0 ? `No pods in namespace ${options.namespace}.\n` : texts.join('\n\n'),
      );
    },
  );
}

async function describePods(
  shell: Shell,
  options: TargetOptions & { namespace: string },
  name: string | undefined,
): Promise<string[]> {
  const agent = shell.agent(options);
  const { namespace } = options;
  const { objects } = await agent.get<ObjectsResponse>('/v1/objects', {
    kind: 'Pod',
    namespace,
    name,
  });
  const texts: string[] = [];
  for (const pod of objects) {
    const query = { namespace, pod: pod.metadata.name };
    const { events } = await agent.get<EventsResponse>('/v1/events', query);
    texts.push(describePod(pod, events));
  }
  return texts;
}

interface PodFields {
  readonly nodeName?: string;
  readonly phase?: string;
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
}

function describePod(pod: KubeObject, events: readonly EventRow[]): string {
  const { metadata } = pod;
  const spec = (pod.spec ?? {}) as PodFields;
  const status = (pod.status ?? {}) as PodFields;
  const controller = metadata.ownerReferences?.find((reference) => reference.controller === true);
  const lines = [
    field('Name', [metadata.name]),
    field('Namespace', [metadata.namespace ?? '']),
    field('Node', [spec.nodeName ?? '<none>']),
    field('Start Time', [metadata.creationTimestamp ?? '<unknown>']),
    field('Labels', pairs(metadata.labels, '=')),
    field('Annotations', pairs(metadata.annotations, ': ')),
    field('Status', [status.phase ?? 'Unknown']),
    field('IP', [status.podIP ?? '']),
    status.podIPs === undefined ? field('IPs', []) : 'IPs:',
    ...(status.podIPs ?? []).map(({ ip }) => `  IP:  ${ip}`),
    ...(controller === undefined
      ? []
      : [field('Controlled By', [`${controller.kind}/${controller.name}`])]),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n${eventTable(withScheduled(pod, spec, events))}`;
}

/** One name, and under it one line for each value. */
function field(name: string, values: readonly string[]): string {
  const [first = '<none>', ...rest] = values;
  const indent = ' '.repeat(LABEL_WIDTH);
  return [`${name}:`.padEnd(LABEL_WIDTH) + first, ...rest.map((value) => indent + value)].join(
    '\n',
  );
}

function pairs(map: Readonly<Record<string, string>> | undefined, between: string): string[] {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}${between}${value.replace(/\s*\n\s*/g, ' ').trim()}`);
}

/** With what Kubernetes' scheduler would have written, where none has. */
function withScheduled(
  { metadata }: KubeObject,
  spec: PodFields,
  events: readonly EventRow[],
): readonly EventRow[] {
  const { creationTimestamp: at, name, namespace } = metadata;
  const isThere = events.some(({ reason }) => reason === 'Scheduled');
  if (at === undefined || spec.nodeName === undefined || isThere) {
    return events;
  }
  const message = `Successfully assigned ${namespace}/${name} to ${spec.nodeName}`;
  const from = 'default-scheduler';
  const reason = 'Scheduled';
  return [{ type: 'Normal', reason, from, message, at, firstAt: at, count: 1 }, ...events];
}

function eventTable(events: readonly EventRow[]): string {
  if (events.length === 0) {
    return 'Events:           <none>\n';
  }
  const header = ['Type', 'Reason', 'Age', 'From', 'Message'];
  const rows = events.map((event) => [
    event.type,
    event.reason,
    event.count === 1
      ? age(event.at)
      : `${age(event.at)} (x${event.count} over ${age(event.firstAt)})`,
    event.from,
    event.message,
  ]);
  const underline = header.map((title) => '-'.repeat(title.length));
  const table = alignedTable(header, [underline, ...rows], '  ');
  return `Events:\n${table.replace(/^/gm, '  ').trimEnd()}\n`;
}

function age(at: string): string {
  return humanDuration((Date.now() - Date.parse(at)) / 1000);
}
