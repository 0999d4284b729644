/**
 * The container runtime of a bare node, as the agent sees one: it makes and ends sandboxes by calls of the real
 * plugin, tries again as a kubelet does, and starts no containers.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { CniReply } from '../../support/cni-call.ts';
import type { ApiAnswer } from './api-client.ts';
import type { BareNode } from './bare-node.ts';
import type { ControlPlane } from './control-plane.ts';
import type { FaultCheck, PodRef, Sandbox } from './fault-check.ts';

const AGAIN_MS = 50;

export interface RuntimeParts {
  readonly cluster: ControlPlane;
  readonly node: BareNode;
  readonly check: FaultCheck;
  readonly namespace: string;
  /** The pool of its pods. */
  readonly pool: string;
}

export class SandboxRuntime {
  readonly node: BareNode;
  readonly #parts: RuntimeParts;
  #pods = 0;

  constructor(parts: RuntimeParts) {
    this.node = parts.node;
    this.#parts = parts;
  }

  /** Makes a pod on this node, however long the API server takes. */
  async makePod(): Promise<PodRef> {
    const { namespace, pool, check } = this.#parts;
    this.#pods += 1;
    const name = `${this.node.name}-${this.#pods}`;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const made = await this.#ask('POST', path, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        annotations: { 'ipam.spidernet.io/ippool': JSON.stringify({ ipv4: [pool] }) },
      },
      spec: {
        nodeName: this.node.name,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'none' }],
      },
    });
    // The answer to an earlier try was lost.
    const found = made.status === 409 ? await this.#ask('GET', `${path}/${name}`) : made;
    const { metadata } = JSON.parse(found.text) as { metadata: { uid: string } };
    const pod = { namespace, name, uid: metadata.uid };
    check.podMade(pod);
    return pod;
  }

  /** Ends a pod: with `graceful` it is terminating and still there, else it is gone. */
  async deletePod({ namespace, name, uid }: PodRef, graceful = false): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const gracePeriodSeconds = graceful ? 30 : 0;
    await this.#ask('DELETE', path, { gracePeriodSeconds, preconditions: { uid } });
    this.#parts.check.podGone({ namespace, name, uid });
  }

  /** A sandbox for which nothing was called yet. */
  sandbox(pod: PodRef): Sandbox {
    const container = randomBytes(32).toString('hex');
    const sandbox: Sandbox = {
      ...{ node: this.node.name, pod, container },
      ...{ state: 'adding', address: undefined },
    };
    return sandbox;
  }

  /** One ADD. Of a sandbox that runs it is a repeated one. */
  async add(sandbox: Sandbox): Promise<CniReply> {
    const { check } = this.#parts;
    if (sandbox.state === 'adding') check.adding(sandbox);
    const { pod, container } = sandbox;
    const reply = await this.node.call({ verb: 'ADD', pod, container });
    if (reply.ok) {
      check.added(sandbox, (reply.addresses[0] ?? '').replace(/\/.*/, ''));
    } else {
      check.counts.refused += 1;
      // Everything but "try again" would keep a pod from running for ever.
      if (reply.error.code !== 11) check.violations.push(`ADD: ${reply.text}`);
    }
    return reply;
  }

  /** DEL until it is answered with success. */
  async end(sandbox: Sandbox): Promise<void> {
    const { check } = this.#parts;
    check.ending(sandbox);
    const { pod, container } = sandbox;
    while (!(await this.node.call({ verb: 'DEL', pod, container })).ok) await pause(AGAIN_MS);
    check.gone(sandbox);
  }

  /** A running sandbox of a pod. One whose ADD failed is taken away, and another one is tried. */
  async run(pod: PodRef): Promise<Sandbox> {
    for (;;) {
      const sandbox = this.sandbox(pod);
      if ((await this.add(sandbox)).ok) return sandbox;
      await this.end(sandbox);
      await pause(AGAIN_MS);
    }
  }

  /** A new pod, and its running sandbox. */
  async runPod(): Promise<Sandbox> {
    return this.run(await this.makePod());
  }

  /** CNI GC: tells the agent which sandboxes run. Rejects where it refuses. */
  async collect(): Promise<void> {
    const running = this.#parts.check.running.filter(({ node }) => node === this.node.name);
    const valid = running.map(({ container }) => ({ containerID: container, ifname: 'eth0' }));
    const config = { 'cni.dev/valid-attachments': valid };
    const reply = await this.node.call({ verb: 'GC', config });
    if (!reply.ok) throw new Error(`GC on ${this.node.name}: ${reply.text}`);
  }

  /** Asks until the API server takes it, or says that it has it already, or no longer. */
  async #ask(method: string, path: string, body?: object): Promise<ApiAnswer> {
    for (;;) {
      const answer = await this.#parts.cluster.ask(method, path, body).catch(() => undefined);
      if (answer !== undefined && (answer.status < 300 || [404, 409].includes(answer.status))) {
        return answer;
      }
      await pause(AGAIN_MS);
    }
  }
}
