/**
 * The network of a cluster with nodes, in a namespace of its own, where the control plane runs too:
 *
 *     this machine ── forwarder ┄┄ listening socket of 127.0.0.1, served from inside
 *     ┌───────────────────────── namespace of the cluster ─────────────────────────┐
 *     │ lo 10.96.0.1 (the API server's service)    nodes 10.254.0.1/16    pods     │
 *     └───────────────────────────────────────────────┬────────────────────┬───────┘
 *                                      node: eth0 10.254.0.11     uplink ── cni0 ── pods
 *
 * Pods of all nodes are on one link, as in a data centre's network that all nodes are plugged into.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { ControlPlaneSite } from './control-plane.ts';
import { API_SERVICE } from './control-plane-commands.ts';
import { Namespaces } from './namespaces.ts';
import type { RunFolder } from './run-folder.ts';

const API_PORT = 443;
const FIRST_LISTENER_PORT = 7_000;
const FORWARDER = join(import.meta.dirname, 'forwarder.ts');
const LISTENER = join(import.meta.dirname, 'listener.ts');

/** Of the control plane, on the nodes' link. */
export const GATEWAY = '10.254.0.1';

export class ClusterNetwork implements ControlPlaneSite {
  readonly run: RunFolder;
  readonly kept: boolean;
  readonly addresses = [GATEWAY];
  readonly port = API_PORT;
  readonly bindAddress = '0.0.0.0';
  readonly namespaces: Namespaces;
  #nodes = 0;
  #listeners = 0;

  private constructor(run: RunFolder, kept: boolean, namespaces: Namespaces) {
    this.run = run;
    this.kept = kept;
    this.namespaces = namespaces;
  }

  static async make(run: RunFolder, reaper: string, kept: boolean): Promise<ClusterNetwork> {
    const prepare = `
      echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
      ip addr add ${API_SERVICE}/32 dev lo
      ip link add nodes type bridge
      ip link add pods type bridge
      ip addr add ${GATEWAY}/16 dev nodes
      ip link set nodes up
      ip link set pods up`;
    const options = { run, kept, reaper, name: 'network', isMachine: false, prepare };
    return new ClusterNetwork(run, kept, await Namespaces.make(options));
  }

  inside(command: readonly string[]): readonly string[] {
    return this.namespaces.inside(command);
  }

  /** The number of the next node, which decides its address. */
  nextNumber(): number {
    this.#nodes += 1;
    return this.#nodes;
  }

  /** Plugs a node in; its address. */
  async plug(node: Namespaces, number: number): Promise<string> {
    const address = `10.254.0.${10 + number}`;
    await this.namespaces.script(`
      ip link add node${number} type veth peer name eth0 netns ${node.pid}
      ip link add pods${number} type veth peer name uplink netns ${node.pid}
      ip link set node${number} master nodes up
      ip link set pods${number} master pods up`);
    await node.script(`
      ip addr add ${address}/16 dev eth0
      ip link set eth0 up
      ip route add default via ${GATEWAY}
      ip link add cni0 type bridge
      ip link set uplink master cni0 up
      ip link set cni0 up`);
    return address;
  }

  /**
   * The API server under an address of this machine: the listening socket is made here, and given to a process
   * inside that connects what it accepts.
   */
  async publish(): Promise<string> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const log = openSync(this.run.file('logs', 'forwarder.log'), 'a');
    const guard = this.kept ? [] : ['setpriv', '--pdeathsig', 'KILL', '--'];
    const command = [
      ...guard,
      ...this.inside([process.execPath, FORWARDER, GATEWAY, `${API_PORT}`]),
    ];
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    });
    closeSync(log);
    if (child.pid !== undefined) this.run.recordProcess('forwarder', child.pid);
    await once(child, 'message');
    child.send('listen', server);
    await once(child, 'message');
    child.disconnect();
    child.unref();
    server.close();
    return `https://127.0.0.1:${port}`;
  }

  async listenForNodes(): Promise<{ readonly server: Server; readonly url: string }> {
    this.#listeners += 1;
    const port = FIRST_LISTENER_PORT + this.#listeners;
    const command = this.inside([process.execPath, LISTENER, GATEWAY, `${port}`]);
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [, server] = (await once(child, 'message')) as [string, Server];
    const ended = once(child, 'exit');
    child.send('taken');
    await ended;
    return { server, url: `https://${GATEWAY}:${port}` };
  }

  async stop(): Promise<void> {}
}
