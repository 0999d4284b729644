/** Plays the part of containerd: makes sandboxes for pods, and executes the CNI plugin for each. */
import { randomBytes } from 'node:crypto';
import { OrbweaverError } from '../../catalogue/errors.ts';
import type { CalledAs } from '../../choose/subject.ts';
import type { KubeObject } from '../../dialect/kube-object.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import type { PodNetwork } from './pod-network.ts';
import { runProcess } from './run-process.ts';

/** A CNI error object. */
export interface CniError {
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** What became of one call of the plugin. */
export interface CallOutcome {
  readonly verb: 'ADD' | 'DEL';
  readonly namespace: string;
  readonly pod: string;
  readonly interfaceName: string;
  /** With prefix lengths; of a DEL, what the interface had. */
  readonly addresses: readonly string[];
  readonly error: CniError | undefined;
  readonly tookMs: number;
}

interface Sandbox {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly containerId: string;
  readonly netns: NetworkNamespace | undefined;
  /** The addresses of each interface, with prefix lengths. */
  readonly interfaces: Map<string, readonly string[]>;
}

const FIRST_INTERFACE = 'eth0';

export class ContainerRuntime implements AsyncDisposable {
  readonly #network: PodNetwork;
  readonly #socket: string;
  readonly #calledAs: CalledAs;
  /** Running sandboxes by the uid of their pods. */
  readonly #sandboxes = new Map<string, Sandbox>();

  /** `socket`: the agent that the plugin asks; `calledAs`: the name of the plugin. */
  constructor(network: PodNetwork, socket: string, calledAs: CalledAs = 'spiderpool') {
    this.#network = network;
    this.#socket = socket;
    this.#calledAs = calledAs;
  }

  get count(): number {
    return this.#sandboxes.size;
  }

  /** Whether the pod has this interface. */
  isRunning(pod: KubeObject, interfaceName = FIRST_INTERFACE): boolean {
    return this.#interfacesOf(pod)?.has(interfaceName) ?? false;
  }

  /** The namespace of a running pod, or undefined where pods have none. */
  netnsOf(pod: KubeObject): NetworkNamespace | undefined {
    return this.#sandboxes.get(pod.metadata.uid ?? '')?.netns;
  }

  /** The addresses of a running pod, with prefix lengths; of one interface, or of all. */
  addressesOf(pod: KubeObject, interfaceName?: string): readonly string[] {
    const interfaces = this.#interfacesOf(pod);
    return interfaceName === undefined
      ? [...(interfaces?.values() ?? [])].flat()
      : (interfaces?.get(interfaceName) ?? []);
  }

  #interfacesOf({ metadata }: KubeObject): Sandbox['interfaces'] | undefined {
    return this.#sandboxes.get(metadata.uid ?? '')?.interfaces;
  }

  /** A new sandbox and its ADD. After a refusal nothing of it is left, and the pod may be started again. */
  async start({ metadata }: KubeObject): Promise<CallOutcome> {
    const netns = await this.#network.newNamespace();
    const sandbox: Sandbox = {
      namespace: metadata.namespace ?? 'default',
      pod: metadata.name,
      uid: metadata.uid ?? '',
      containerId: randomBytes(32).toString('hex'),
      netns,
      interfaces: new Map(),
    };
    const outcome = await this.#add(sandbox, FIRST_INTERFACE);
    if (outcome.error === undefined) {
      this.#sandboxes.set(sandbox.uid, sandbox);
    } else {
      await netns?.[Symbol.asyncDispose]();
    }
    return outcome;
  }

  /** A further interface of a running pod, as multus adds them. Throws for a pod that does not run. */
  async attach(pod: KubeObject, interfaceName: string): Promise<CallOutcome> {
    return await this.#add(this.#sandboxes.get(pod.metadata.uid ?? '')!, interfaceName);
  }

  async #add(sandbox: Sandbox, interfaceName: string): Promise<CallOutcome> {
    const outcome = await this.#call('ADD', sandbox, interfaceName);
    if (outcome.error === undefined) {
      sandbox.interfaces.set(interfaceName, outcome.addresses);
    } else {
      // A main plugin leaves its half-made interface behind; containerd follows up with a DEL as well.
      await this.#call('DEL', sandbox, interfaceName);
    }
    return outcome;
  }

  /** The DELs of every sandbox whose pod is not among `pods`, oldest first, its last interface first. */
  async stopOthers(pods: readonly KubeObject[]): Promise<CallOutcome[]> {
    const alive = new Set(pods.map((pod) => pod.metadata.uid));
    const outcomes: CallOutcome[] = [];
    for (const sandbox of [...this.#sandboxes.values()].filter(({ uid }) => !alive.has(uid))) {
      for (const interfaceName of [...sandbox.interfaces.keys()].reverse()) {
        outcomes.push(await this.#call('DEL', sandbox, interfaceName));
      }
      await sandbox.netns?.[Symbol.asyncDispose]();
      this.#sandboxes.delete(sandbox.uid);
    }
    return outcomes;
  }

  async #call(verb: 'ADD' | 'DEL', sandbox: Sandbox, interfaceName: string): Promise<CallOutcome> {
    const { namespace, pod, uid, containerId, netns } = sandbox;
    const args = {
      IgnoreUnknown: '1',
      K8S_POD_NAMESPACE: namespace,
      K8S_POD_NAME: pod,
      K8S_POD_INFRA_CONTAINER_ID: containerId,
      K8S_POD_UID: uid,
    };
    const [program, ...more] = this.#network.pluginCommand(this.#calledAs);
    const began = performance.now();
    const { exit, out, err } = await runProcess(program, more, {
      input: this.#network.config(this.#calledAs),
      env: {
        PATH: process.env.PATH ?? '',
        CNI_COMMAND: verb,
        CNI_CONTAINERID: containerId,
        // An IPAM plugin does not look into it.
        CNI_NETNS: netns?.path ?? `/run/netns/${containerId}`,
        CNI_IFNAME: interfaceName,
        CNI_ARGS: Object.entries(args)
          .map((pair) => pair.join('='))
          .join(';'),
        CNI_PATH: this.#network.pluginPath,
        ORBWEAVER_SOCKET: this.#socket,
      },
    });
    const tookMs = performance.now() - began;
    const answer = readAnswer(program, exit, out, err);
    const addresses = 'code' in answer ? [] : (answer.ips ?? []).map(({ address }) => address);
    return {
      verb,
      namespace,
      pod,
      interfaceName,
      addresses: verb === 'ADD' ? addresses : (sandbox.interfaces.get(interfaceName) ?? []),
      error: 'code' in answer ? answer : undefined,
      tookMs,
    };
  }

  /** Takes the namespaces away without a DEL. */
  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#sandboxes.values()];
    this.#sandboxes.clear();
    await Promise.all(all.map(({ netns }) => netns?.[Symbol.asyncDispose]()));
  }
}

type Answer = CniError | { readonly ips?: readonly { readonly address: string }[] };

/** Throws IO_FAILURE where the plugin said nothing that can be read. */
function readAnswer(program: string, exit: number | string, out: string, err: string): Answer {
  if (exit === 0 && out === '') {
    return {};
  }
  try {
    return JSON.parse(out) as Answer;
  } catch {
    throw new OrbweaverError(
      'IO_FAILURE',
      `${program} ended with ${exit} and no JSON on its standard output`,
      (err || out).trim(),
    );
  }
}
