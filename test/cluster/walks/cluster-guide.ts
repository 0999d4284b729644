/** Performs a story on a cluster with the commands that a user types, and sees whether it comes out as told. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PACKAGE_FOLDER } from '../../../src/cli/package-folder.ts';
import {
  type Holder,
  judgeAddresses,
  judgeBlocks,
  nameOf,
  nodeOf,
  podsOf,
  type Verdict,
} from '../../../src/cli/walk/expectations.ts';
import type { Narrator } from '../../../src/cli/walk/narrator.ts';
import type { KubeObject } from '../../../src/dialect/kube-object.ts';
import type { ClusterStep, ClusterStory } from './cluster-story.ts';
import type { PodEvent, WalkedCluster } from './walked-cluster.ts';

const POLL_MS = 250;
/** The kubelet tries a pod that was refused again after some ten seconds; a pod may take thirty to end. */
const PATIENCE_MS = 90_000;

export interface ClusterGuideParts {
  readonly story: ClusterStory;
  readonly narrator: Narrator;
  readonly cluster: WalkedCluster;
  /** Aborted by Ctrl-C; looked at before each step. */
  readonly interrupt: AbortSignal;
  /** How long to look for what is not there yet. */
  readonly patienceMs?: number;
}

type StepOf<K extends ClusterStep['kind']> = Extract<ClusterStep, { kind: K }>;

export class ClusterGuide {
  readonly #parts: ClusterGuideParts;
  readonly #folder: string;
  readonly #patienceMs: number;
  #failures = 0;

  constructor(parts: ClusterGuideParts) {
    this.#parts = parts;
    this.#folder = join(PACKAGE_FOLDER, 'examples', parts.story.folder);
    this.#patienceMs = parts.patienceMs ?? PATIENCE_MS;
  }

  /** Resolves to how many things came out differently. Throws the reason of `interrupt`. */
  async perform(): Promise<number> {
    const { story, narrator, cluster, interrupt } = this.#parts;
    const [first = '', second = ''] = cluster.nodes;
    for (const { title, steps } of story.tell({ first, second })) {
      narrator.chapter(title);
      for (const step of steps) {
        interrupt.throwIfAborted();
        await this.#step(step);
      }
    }
    return this.#failures;
  }

  #step(step: ClusterStep): Promise<void> {
    switch (step.kind) {
      case 'run':
        return this.#run(step);
      case 'look':
        return this.#look(step);
      case 'expect-addresses':
        return this.#settle(async () => judgeAddresses(step, await this.#holders(step.workload)));
      case 'expect-blocks':
        return this.#settle(async () => judgeBlocks(step, await this.#holders(step.workload)));
      case 'expect-refused':
        return this.#settle(() => this.#judgeRefused(step));
      case 'expect-nothing':
        return this.#settle(() => this.#judgeNothing());
    }
  }

  async #run({ line, fails }: StepOf<'run'>): Promise<void> {
    const { narrator } = this.#parts;
    const shown = await this.#filled(line);
    narrator.command(shown);
    const { exit, printed } = await this.#printed(shown);
    narrator.inner.out(printed);
    if (fails !== undefined) {
      this.#fact({ holds: exit !== 0 && printed.includes(fails), text: `it is refused: ${fails}` });
    } else if (exit !== 0) {
      this.#fact({ holds: false, text: `it ended with exit code ${exit}` });
    }
  }

  async #look({ line, sights }: StepOf<'look'>): Promise<void> {
    const { narrator } = this.#parts;
    const shown = await this.#filled(line);
    const until = performance.now() + this.#patienceMs;
    let { exit, printed } = await this.#printed(shown);
    const isSeen = () => exit === 0 && sights.every(({ pattern }) => pattern.test(printed));
    while (!isSeen() && performance.now() < until) {
      await this.#wait();
      ({ exit, printed } = await this.#printed(shown));
    }
    narrator.command(shown);
    narrator.inner.out(printed);
    if (exit !== 0) this.#fact({ holds: false, text: `it ended with exit code ${exit}` });
    for (const { pattern, text } of sights) this.#fact({ holds: pattern.test(printed), text });
  }

  /** Without the blanks that pad the last column, which would only show as changes where the output is pasted. */
  async #printed(line: string) {
    const { exit, out, err } = await this.#parts.cluster.shell(line, this.#folder);
    return { exit, printed: `${out}${err}`.replace(/ +$/gm, '') };
  }

  /** The line with the names of the pods that it stands for. */
  async #filled(line: string): Promise<string> {
    const names = [...line.matchAll(/\{([a-z][\w/-]*)\}/g)].map((match) => match[1]!);
    let filled = line;
    for (const workload of names) {
      const pods = await this.#pods(workload);
      const pod = pods.find((one) => !isReady(one)) ?? pods[0];
      filled = filled.replace(`{${workload}}`, pod?.metadata.name ?? workload);
    }
    return filled;
  }

  async #pods(workload: string): Promise<KubeObject[]> {
    return podsOf(await this.#parts.cluster.objects('pods'), workload);
  }

  async #holders(workload: string): Promise<Holder[]> {
    return (await this.#pods(workload)).map((pod) => ({
      node: nodeOf(pod),
      addresses: isReady(pod) ? addressesOf(pod) : [],
    }));
  }

  async #judgeRefused(step: StepOf<'expect-refused'>): Promise<Verdict> {
    const { workload, count, message } = step;
    const names = new Set((await this.#pods(workload)).filter((pod) => !isReady(pod)).map(nameOf));
    const refused = new Set<string>();
    for (const { reason, message: said, involvedObject } of await this.#events()) {
      const name = `${involvedObject.namespace}/${involvedObject.name}`;
      const isRefusal = reason === 'FailedCreatePodSandBox' && `${said};`.includes(`: ${message};`);
      if (isRefusal && names.has(name)) refused.add(name);
    }
    return {
      holds: refused.size === count && names.size === count,
      text: `${refused.size} of ${count} pods of ${workload} refused: ${message}`,
    };
  }

  #events(): Promise<readonly PodEvent[]> {
    return this.#parts.cluster.objects<PodEvent>('events');
  }

  async #judgeNothing(): Promise<Verdict> {
    const { cluster } = this.#parts;
    const left = await cluster.leftovers();
    const claims = await cluster.claims();
    return {
      holds: left.length === 0 && claims === 0,
      text: `${left.length} pods, endpoints or pools, and ${claims} claims in the IPBlocks are left`,
    };
  }

  /** Looks until it holds, or patience ends. */
  async #settle(judge: () => Promise<Verdict>): Promise<void> {
    const until = performance.now() + this.#patienceMs;
    let verdict = await judge();
    while (!verdict.holds && performance.now() < until) {
      await this.#wait();
      verdict = await judge();
    }
    this.#fact(verdict);
  }

  async #wait(): Promise<void> {
    this.#parts.interrupt.throwIfAborted();
    await pause(POLL_MS);
  }

  #fact({ holds, text }: Verdict): void {
    this.#parts.narrator.fact(holds, text);
    this.#failures += holds ? 0 : 1;
  }
}

interface PodStatus {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  readonly podIPs?: readonly { readonly ip: string }[];
}

function statusOf(pod: KubeObject): PodStatus {
  return (pod.status ?? {}) as PodStatus;
}

function isReady(pod: KubeObject): boolean {
  return (
    statusOf(pod).conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
    false
  );
}

function addressesOf(pod: KubeObject): string[] {
  return (statusOf(pod).podIPs ?? []).map(({ ip }) => ip);
}
