/**
 * A node without a kubelet: its Node object, pods that are put on it by hand, and our agent, called by the real
 * plugin. Everything between the plugin and etcd is real; only nobody starts containers.
 */
import { AgentFolder, type AgentOptions, AgentProcess } from '../../support/agent-process.ts';
import type { CniCall, CniReply } from '../../support/cni-call.ts';
import { callPlugin } from '../../support/plugin-process.ts';
import type { ControlPlane } from './control-plane.ts';

/** Where the Leases of agents are. */
export const AGENT_NAMESPACE = 'orbweaver';

export class BareNode implements AsyncDisposable {
  readonly name: string;
  readonly folder = new AgentFolder();
  readonly #cluster: ControlPlane;
  readonly #kubeconfig: string;
  readonly #more: AgentOptions;
  agent: AgentProcess | undefined;

  private constructor(cluster: ControlPlane, name: string, kubeconfig: string, more: AgentOptions) {
    this.#cluster = cluster;
    this.name = name;
    this.#kubeconfig = kubeconfig;
    this.#more = more;
  }

  /** Makes the Node object. The agent is not started; `agent`: how it will be, beside that. */
  static async make(
    cluster: ControlPlane,
    name: string,
    options: {
      readonly labels?: Record<string, string>;
      readonly kubeconfig?: string;
      readonly agent?: AgentOptions;
    } = {},
  ): Promise<BareNode> {
    const { labels = {}, kubeconfig = cluster.kubeconfig, agent = {} } = options;
    await apply(cluster, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
    return new BareNode(cluster, name, kubeconfig, agent);
  }

  get options(): AgentOptions {
    const { args = [], ...more } = this.#more;
    return { ...more, node: this.name, args: ['--kubeconfig', this.#kubeconfig, ...args] };
  }

  /** Starts the agent and waits until it is ready. */
  async start(): Promise<AgentProcess> {
    this.agent = await AgentProcess.start(this.folder, this.options);
    return this.agent;
  }

  /** A call through the plugin. */
  call(call: CniCall): Promise<CniReply> {
    return callPlugin(this.folder.socket, call);
  }

  /** Puts a pod on the node; the call's view of it. */
  async pod(
    namespace: string,
    name: string,
    annotations: Record<string, string> = {},
  ): Promise<Required<NonNullable<CniCall['pod']>>> {
    const made = await apply(this.#cluster, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, annotations },
      spec: {
        nodeName: this.name,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'none' }],
      },
    });
    return { namespace, name, uid: made.metadata.uid };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent?.kill();
    this.folder[Symbol.dispose]();
  }
}

interface Made {
  readonly metadata: { readonly uid: string };
}

/** Applies one object; what became of it. */
export async function apply(cluster: ControlPlane, object: object): Promise<Made> {
  const text = await cluster.kubectl(['apply', '-f', '-', '-o', 'json'], JSON.stringify(object));
  return JSON.parse(text) as Made;
}

/** A namespace in which pods can be made although no controller-manager runs. */
export async function makeNamespace(cluster: ControlPlane, name: string): Promise<void> {
  await apply(cluster, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const metadata = { name: 'default', namespace: name };
  await apply(cluster, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
}

/** Every slot of every IPBlock, by `block/slot`. */
export async function slots(cluster: ControlPlane): Promise<Readonly<Record<string, string>>> {
  const list = JSON.parse(await cluster.kubectl(['get', 'ipblocks', '-o', 'json'])) as {
    items: { metadata: { name: string }; spec: { slots?: Record<string, string> } }[];
  };
  return Object.fromEntries(
    list.items.flatMap(({ metadata, spec }) =>
      Object.entries(spec.slots ?? {}).map(([slot, line]) => [`${metadata.name}/${slot}`, line]),
    ),
  );
}
