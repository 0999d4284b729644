/**
 * A walk on a real cluster as data. Its command lines are a shell's, and run in the folder of the example as they
 * stand; `{web}` in one stands for a pod of the workload `web`: its first one that is not ready, else its first one.
 * What pods must hold is told in the words of the embedded walks.
 */
import type { CalledAs } from '../../../src/choose/subject.ts';
import type { StepOf } from '../../../src/cli/walk/story.ts';

/** Something that must be in what a command prints. */
export interface Sight {
  readonly pattern: RegExp;
  /** In words. */
  readonly text: string;
}

export type ClusterStep =
  | {
      /** Changes something: runs once. */
      readonly kind: 'run';
      readonly line: string;
      /** It fails and prints this. */
      readonly fails?: string;
    }
  | {
      /** Changes nothing: runs again, unseen, until all of it is seen. */
      readonly kind: 'look';
      readonly line: string;
      readonly sights: readonly Sight[];
    }
  | StepOf<'expect-addresses'>
  | StepOf<'expect-blocks'>
  | StepOf<'expect-refused'>
  | StepOf<'expect-nothing'>;

export interface ClusterChapter {
  readonly title: string;
  readonly steps: readonly ClusterStep[];
}

export interface ClusterStory {
  /** As the embedded walk of the same tutorial. */
  readonly name: string;
  /** The folder below examples/ that its file names start from. */
  readonly folder: string;
  readonly title: string;
  /** The name that the network config calls the IPAM plugin by; `spiderpool` where nothing is said. */
  readonly calledAs?: CalledAs;
  /** Told for two nodes, by the names that they have. */
  readonly tell: (nodes: Nodes) => readonly ClusterChapter[];
}

export interface Nodes {
  readonly first: string;
  readonly second: string;
}

/** A command line that changes something. */
export function run(line: string): ClusterStep {
  return { kind: 'run', line };
}

/** The same for one that fails, with `text` somewhere in what it prints. */
export function refusedRun(line: string, text: string): ClusterStep {
  return { kind: 'run', line, fails: text };
}

/** A command line that only shows; it is repeated until it shows every sight. */
export function look(line: string, ...sights: readonly Sight[]): ClusterStep {
  return { kind: 'look', line, sights };
}

/** The header of a table has these columns and no others. */
export function columns(...names: readonly string[]): Sight {
  return {
    pattern: new RegExp(`^${names.map(literal).join(' +')} *$`, 'm'),
    text: `the columns are ${names.join(', ')}`,
  };
}

/** A line has these cells, one after the other; a text stands for itself. */
export function row(...cells: readonly (string | RegExp)[]): Sight {
  const source = cells.map((cell) => (typeof cell === 'string' ? literal(cell) : cell.source));
  return {
    pattern: new RegExp(`^${source.join(' +')}`, 'm'),
    text: `a row says ${cells.map((cell) => (typeof cell === 'string' ? cell : '…')).join(' ')}`,
  };
}

/** The events of a pod have the kubelet's refusal, whose message has this text to the letter. */
export function refusal(text: string): Sight {
  return {
    // What follows are our reasons.
    pattern: new RegExp(`Warning +FailedCreatePodSandBox .*: ${literal(text)}(;|$)`, 'm'),
    text: `FailedCreatePodSandBox: ${text}`,
  };
}

/** This text, anywhere. */
export function words(text: string): Sight {
  return { pattern: new RegExp(literal(text)), text: `it says: ${text}` };
}

function literal(text: string): string {
  return RegExp.escape(text);
}

/** Resolves once every pod of the workload is ready, as kubectl says itself. */
export function rollout(deployment: string, namespace?: string): ClusterStep {
  const where = namespace === undefined ? '' : ` -n ${namespace}`;
  return run(`kubectl rollout status deployment/${deployment}${where} --timeout=60s`);
}
