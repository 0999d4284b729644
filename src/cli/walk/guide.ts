/** Performs a story against a running agent, and sees whether it comes out as told. */
import { join } from 'node:path';
import type { CheckResponse, ObjectsResponse } from '../../agent/protocol.ts';
import type { KindId } from '../../dialect/kinds.ts';
import type { KubeObject } from '../../dialect/kube-object.ts';
import { AgentClient } from '../agent-client.ts';
import { PACKAGE_FOLDER } from '../package-folder.ts';
import { openProgress } from '../progress.ts';
import type { Shell } from '../shell.ts';
import { alignedTable } from '../table.ts';
import type { CallOutcome, ContainerRuntime } from './container-runtime.ts';
import {
  type Holder,
  judgeAddresses,
  judgeBlocks,
  nameOf,
  nodeOf,
  podsOf,
  type Verdict,
} from './expectations.ts';
import { type Narrator, shellLine } from './narrator.ts';
import type { Step, StepOf, Story } from './story.ts';

/** Runs one command line of `orbweaver` and resolves to its exit code. */
export type RunCommand = (shell: Shell, args: readonly string[]) => Promise<number>;

export interface GuideParts {
  readonly story: Story;
  readonly narrator: Narrator;
  readonly socket: string;
  readonly runtime: ContainerRuntime;
  readonly runCommand: RunCommand;
  /** Aborted by Ctrl-C; looked at before each step. */
  readonly interrupt: AbortSignal;
}

/** What a tutorial's clean-up leaves none of. */
const LEFT_KINDS: readonly KindId[] = [
  'Pod',
  'SpiderEndpoint',
  'SpiderIPPool',
  'SpiderpoolV1WorkloadEndpoint',
  'SpiderpoolV1IPPool',
  'CalicoIPPool',
];

export class Guide {
  readonly #parts: GuideParts;
  readonly #agent: AgentClient;
  /** The last refusal of each pod that has no sandbox, by `namespace/name`. */
  readonly #refusals = new Map<string, string>();
  #failures = 0;

  constructor(parts: GuideParts) {
    this.#parts = parts;
    this.#agent = new AgentClient(parts.socket);
  }

  /** Resolves to how many things came out differently. Throws the reason of `interrupt`. */
  async perform(): Promise<number> {
    const { story, narrator, interrupt } = this.#parts;
    for (const { title, steps } of story.chapters) {
      narrator.chapter(title);
      for (const step of steps) {
        interrupt.throwIfAborted();
        await this.#step(step);
      }
    }
    return this.#failures;
  }

  #step(step: Step): Promise<void> {
    switch (step.kind) {
      case 'command':
        return this.command(step.words, step.fails);
      case 'start':
        return this.#start(step);
      case 'stop':
        return this.#stop();
      case 'ping':
        return this.#ping(step.workload);
      case 'expect-addresses':
        return this.#expectAddresses(step);
      case 'expect-blocks':
        return this.#expectBlocks(step);
      case 'expect-refused':
        return this.#expectRefused(step);
      case 'expect-nothing':
        return this.#expectNothing();
    }
  }

  /** Shows a command line, runs it, and counts a failure, or that it is none where it `fails` with this text. */
  async command(words: readonly string[], fails?: string): Promise<void> {
    const { story, narrator, socket, runCommand } = this.#parts;
    const args: string[] = [];
    for (const word of words) {
      const workload = /^\{([\w/-]+)\}$/.exec(word)?.[1];
      args.push(workload === undefined ? word : await this.#podName(workload));
    }
    narrator.command(`orbweaver ${shellLine(args)}`);
    const { inner } = narrator;
    let printed = '';
    const print = (text: string) => {
      printed += text;
      inner.out(text);
    };
    const code = await runCommand(
      {
        terminal: { ...inner, out: print, err: print },
        folder: join(PACKAGE_FOLDER, 'examples', story.folder),
        face: 'orbweaver',
        agent: () => new AgentClient(socket),
        close: async () => {},
        exitCode: 0,
      },
      args,
    );
    if (fails !== undefined) {
      this.#fact(code !== 0 && printed.includes(fails), `it is refused: ${fails}`);
    } else if (code !== 0) {
      this.#fact(false, `it ended with exit code ${code}`);
    }
  }

  /** The first refused pod of the workload, else its first pod. */
  async #podName(workload: string): Promise<string> {
    const pods = await this.pods(workload);
    const pod = pods.find((one) => this.#refusals.has(nameOf(one))) ?? pods[0];
    return pod?.metadata.name ?? workload.split('/').at(-1)!;
  }

  /** The applied pods, of one workload or of all. */
  async pods(workload?: string): Promise<readonly KubeObject[]> {
    return podsOf(await this.#objects('Pod'), workload);
  }

  async #objects(kind: KindId): Promise<readonly KubeObject[]> {
    return (await this.#agent.get<ObjectsResponse>('/v1/objects', { kind })).objects;
  }

  async #start({ workloads, interfaceName }: StepOf<'start'>): Promise<void> {
    const { runtime, narrator, interrupt } = this.#parts;
    const pods = (await Promise.all(workloads.map((name) => this.pods(name))))
      .flat()
      .filter((pod) => !runtime.isRunning(pod, interfaceName));
    const outcomes: CallOutcome[] = [];
    const progress = openProgress();
    for (const pod of pods) {
      interrupt.throwIfAborted();
      progress.update(`ADD ${outcomes.length + 1} of ${pods.length}`);
      const outcome = runtime.isRunning(pod)
        ? await runtime.attach(pod, interfaceName)
        : await runtime.start(pod);
      outcomes.push(outcome);
      if (outcome.error === undefined) {
        this.#refusals.delete(nameOf(pod));
      } else {
        this.#refusals.set(nameOf(pod), outcome.error.msg);
      }
    }
    progress.end();
    const which = interfaceName === 'eth0' ? 'pod that is not running' : `pod's ${interfaceName}`;
    narrator.inner.out(`\nThe runtime executes the CNI plugin for each ${which}:\n`);
    this.#show(outcomes);
  }

  async #stop(): Promise<void> {
    const { runtime, narrator } = this.#parts;
    const pods = await this.pods();
    for (const name of this.#refusals.keys()) {
      if (!pods.some((pod) => nameOf(pod) === name)) {
        this.#refusals.delete(name);
      }
    }
    const outcomes = await runtime.stopOthers(pods);
    if (outcomes.length > 0) {
      narrator.inner.out('\nThe runtime executes the CNI plugin for each sandbox of a pod gone:\n');
      this.#show(outcomes);
    }
    for (const { pod, error } of outcomes) {
      if (error !== undefined) {
        this.#fact(false, `DEL of ${pod}: ${error.msg}`);
      }
    }
  }

  #show(outcomes: readonly CallOutcome[]): void {
    const { out, red } = this.#parts.narrator.inner;
    const rows = outcomes.map(
      ({ verb, namespace, pod, interfaceName, addresses, error, tookMs }) => [
        verb,
        `${namespace}/${pod}${interfaceName === 'eth0' ? '' : ` ${interfaceName}`}`,
        `${tookMs.toFixed(0)} ms`,
        error === undefined ? addresses.join(', ') : `refused, code ${error.code}: ${error.msg}`,
      ],
    );
    const table = alignedTable(['VERB', 'POD', 'TOOK', 'ANSWER'], rows);
    out(table.replace(/refused, code .*/g, red));
  }

  /** Without namespaces there is nothing to reach, and the head of the walk has said so. */
  async #ping(workload: string): Promise<void> {
    const { runtime, narrator } = this.#parts;
    const running = (await this.pods(workload)).filter((pod) => runtime.isRunning(pod));
    const [from, to] = running;
    const target = to === undefined ? undefined : runtime.addressesOf(to)[0]?.split('/')[0];
    const netns = from === undefined ? undefined : runtime.netnsOf(from);
    if (from === undefined || target === undefined || netns === undefined) {
      narrator.inner.out('\n(No ping: the pods have no network namespaces.)\n');
      return;
    }
    const words = ['ping', '-c', '1', '-W', '5', target] as const;
    narrator.command(shellLine(netns.inside(...words)));
    const { exit, out } = await netns.run(...words);
    narrator.inner.out(out.trim().replace(/^\s*\n/gm, ''));
    narrator.inner.out('\n');
    this.#fact(exit === 0, `pod ${from.metadata.name} reaches ${target}`);
  }

  async #expectAddresses(step: StepOf<'expect-addresses'>): Promise<void> {
    this.#judge(judgeAddresses(step, await this.#holders(step.workload, step.of.interfaceName)));
  }

  async #expectBlocks(step: StepOf<'expect-blocks'>): Promise<void> {
    this.#judge(judgeBlocks(step, await this.#holders(step.workload)));
  }

  async #holders(workload: string, interfaceName?: string): Promise<Holder[]> {
    const { runtime } = this.#parts;
    return (await this.pods(workload)).map((pod) => ({
      node: nodeOf(pod),
      addresses: runtime.addressesOf(pod, interfaceName),
    }));
  }

  async #expectRefused({ workload, count, message }: StepOf<'expect-refused'>): Promise<void> {
    const pods = await this.pods(workload);
    const refused = pods.filter((pod) => this.#refusals.get(nameOf(pod)) === message);
    this.#fact(
      refused.length === count,
      `${refused.length} of ${count} pods of ${workload} refused with ${this.#words} words`,
    );
  }

  get #words(): string {
    return this.#parts.story.calledAs === 'calico-ipam' ? "Calico's" : "Spiderpool's";
  }

  async #expectNothing(): Promise<void> {
    const { runtime } = this.#parts;
    const objects = (await Promise.all(LEFT_KINDS.map((kind) => this.#objects(kind)))).flat();
    const { claims } = await this.#agent.get<CheckResponse>('/v1/ipam/check');
    this.#fact(
      objects.length === 0 && claims === 0 && runtime.count === 0,
      `${runtime.count} sandboxes, ${objects.length} pods, endpoints or pools, and ` +
        `${claims} addresses are left`,
    );
  }

  #judge({ holds, text }: Verdict): void {
    this.#fact(holds, text);
  }

  #fact(holds: boolean, text: string): void {
    this.#parts.narrator.fact(holds, text);
    this.#failures += holds ? 0 : 1;
  }
}
