/**
 * A walk as data: what a tutorial does, step by step, and what must come of it. src/cli/walk/guide.ts performs
 * it.
 *
 * In a command line `{web}` stands for a pod of the workload `web`: its first one that was refused, else its
 * first one.
 */

export type Step =
  | { readonly kind: 'command'; readonly words: readonly string[] }
  | { readonly kind: 'start'; readonly workloads: readonly string[] }
  | { readonly kind: 'stop' }
  | { readonly kind: 'ping'; readonly workload: string }
  | {
      readonly kind: 'expect-addresses';
      readonly workload: string;
      readonly count: number;
      readonly first: string;
      readonly last: string;
    }
  | {
      readonly kind: 'expect-refused';
      readonly workload: string;
      readonly count: number;
      readonly message: string;
    }
  | { readonly kind: 'expect-nothing' };

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
  readonly chapters: readonly Chapter[];
}

/**
 * Runs `orbweaver …`. The first text is split at its blanks; each further one is a word of its own, such as
 * JSON.
 */
export function command(line: string, ...words: readonly string[]): Step {
  return { kind: 'command', words: [...line.split(' '), ...words] };
}

/** The runtime starts, or tries again to start, the pods of these workloads that are not running: an ADD each. */
export function start(...workloads: readonly string[]): Step {
  return { kind: 'start', workloads };
}

/** The runtime stops the sandboxes whose pods are gone: a DEL each. */
export function stop(): Step {
  return { kind: 'stop' };
}

/** The first running pod of the workload pings the second one. */
export function ping(workload: string): Step {
  return { kind: 'ping', workload };
}

/** `count` pods of the workload hold addresses, all different, of `first`-`last`, both inclusive. */
export function expectAddresses(
  workload: string,
  count: number,
  first: string,
  last: string,
): Step {
  return { kind: 'expect-addresses', workload, count, first, last };
}

/** `count` pods of the workload were refused with exactly this message. */
export function expectRefused(workload: string, count: number, message: string): Step {
  return { kind: 'expect-refused', workload, count, message };
}

/** No sandbox, pod, pool or endpoint is left, and the ledger holds no claim. */
export function expectNothing(): Step {
  return { kind: 'expect-nothing' };
}
