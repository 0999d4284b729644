/**
 * A walk as data: what a tutorial does, step by step, and what must come of it. src/cli/walk/guide.ts performs
 * it.
 *
 * Steps name a workload as `NAME` or, where two namespaces have one of that name, `NAMESPACE/NAME`; a bare pod
 * is a workload of one. In a command line `{web}` stands for a pod of the workload `web`: its first one that
 * was refused, else its first one.
 */
import type { CalledAs } from '../../choose/subject.ts';

export type Step =
  | {
      readonly kind: 'command';
      readonly words: readonly string[];
      /** The command fails and prints this. */
      readonly fails?: string;
    }
  | {
      readonly kind: 'start';
      readonly workloads: readonly string[];
      readonly interfaceName: string;
    }
  | { readonly kind: 'stop' }
  | { readonly kind: 'ping'; readonly workload: string }
  | {
      readonly kind: 'expect-addresses';
      readonly workload: string;
      /** `all`: of as many pods as there are, at least one. */
      readonly count: number | 'all';
      readonly first: string;
      readonly last: string;
      readonly of: PartOf;
    }
  | {
      readonly kind: 'expect-blocks';
      readonly workload: string;
      readonly pool: string;
      readonly prefix: number;
      readonly nodes: number;
      readonly pods: number;
    }
  | {
      readonly kind: 'expect-refused';
      readonly workload: string;
      readonly count: number;
      readonly message: string;
    }
  | { readonly kind: 'expect-nothing' };

export type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>;

/** Which of a workload's addresses are looked at: all, or those on one node or one interface. */
export interface PartOf {
  readonly node?: string;
  readonly interfaceName?: string;
}

/** A numbered paragraph of the output. */
export interface Chapter {
  readonly title: string;
  readonly steps: readonly Step[];
}

export interface Story {
  /** What `orbweaver walk` calls it. */
  readonly name: string;
  /** The folder below examples/ that its file names start from. */
  readonly folder: string;
  readonly title: string;
  /** The agent's own node; each pod runs on the node of its spec. */
  readonly node: string;
  /** The name that the network config calls the IPAM plugin by; `spiderpool` where nothing is said. */
  readonly calledAs?: CalledAs;
  readonly chapters: readonly Chapter[];
}

/**
 * Runs `orbweaver …`. The first text is split at its blanks; each further one is a word of its own, such as
 * JSON.
 */
export function command(line: string, ...words: readonly string[]): Step {
  return { kind: 'command', words: [...line.split(' '), ...words] };
}

/** The same for a command that fails, with `text` somewhere in what it prints. */
export function refusedCommand(line: string, text: string): Step {
  return { kind: 'command', words: line.split(' '), fails: text };
}

/** The runtime starts, or tries again to start, the pods of these workloads that are not running: an ADD each. */
export function start(...workloads: readonly string[]): Step {
  return { kind: 'start', workloads, interfaceName: 'eth0' };
}

/** The runtime gives the running pods of these workloads a further interface: an ADD each. */
export function attach(interfaceName: string, ...workloads: readonly string[]): Step {
  return { kind: 'start', workloads, interfaceName };
}

/** The runtime stops the sandboxes whose pods are gone: a DEL each. */
export function stop(): Step {
  return { kind: 'stop' };
}

/** The first running pod of the workload pings the second one. */
export function ping(workload: string): Step {
  return { kind: 'ping', workload };
}

/**
 * `count` pods of the workload hold one address each of the family of `first`, all different and of
 * `first`-`last`, both inclusive.
 */
export function expectAddresses(
  workload: string,
  count: number | 'all',
  first: string,
  last: string,
  of: PartOf = {},
): StepOf<'expect-addresses'> {
  return { kind: 'expect-addresses', workload, count, first, last, of };
}

/**
 * The workload's `pods` run on `nodes` nodes, and the addresses of each node lie in one network of `prefix`
 * bits inside the CIDR `pool`, a different one for each node.
 */
export function expectBlocks(
  workload: string,
  pool: string,
  prefix: number,
  { nodes, pods }: { readonly nodes: number; readonly pods: number },
): StepOf<'expect-blocks'> {
  return { kind: 'expect-blocks', workload, pool, prefix, nodes, pods };
}

/** `count` pods of the workload were refused with this message, to the letter. */
export function expectRefused(
  workload: string,
  count: number,
  message: string,
): StepOf<'expect-refused'> {
  return { kind: 'expect-refused', workload, count, message };
}

/** No sandbox, pod, pool of any kind or endpoint is left, and the ledger holds no claim. */
export function expectNothing(): StepOf<'expect-nothing'> {
  return { kind: 'expect-nothing' };
}
