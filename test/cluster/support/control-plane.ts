/**
 * A real control plane: etcd and kube-apiserver, and the others where they are asked for, each a process of its own
 * that can be killed, frozen and started again. It listens on a loopback address of its own, so ports never meet.
 */
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type ProcessResult, runProcess } from '../../../src/cli/walk/run-process.ts';
import { type ApiAnswer, askApi } from './api-client.ts';
import { ApiProxy } from './api-proxy.ts';
import { programPath } from './binaries.ts';
import { Certificates, writeKubeconfig } from './certificates.ts';
import { Component, type ComponentOptions } from './component.ts';
import { ControlPlaneCommands } from './control-plane-commands.ts';
import { RunFolder } from './run-folder.ts';

export type ComponentName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler';

export interface ControlPlaneOptions {
  readonly components?: readonly ('controller-manager' | 'scheduler')[];
  /** Applies deploy/crds and waits until they are served. */
  readonly crds?: boolean;
  /** A proxy in front of the API server: `proxy`. */
  readonly proxy?: boolean;
  /** etcd waits for its disk, as a benchmark wants it. */
  readonly fsync?: boolean;
  /** Further arguments of the API server. */
  readonly apiServerArgs?: readonly string[];
  /** Where it runs; without one on a loopback address of this machine. */
  readonly site?: ControlPlaneSite;
}

/** A place for a control plane. */
export interface ControlPlaneSite {
  readonly run: RunFolder;
  /** Addresses under which nodes and pods reach the API server, and its port there. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** What the API server listens on. */
  readonly bindAddress: string;
  readonly kept: boolean;
  /** The command line that runs a program there. */
  inside(command: readonly string[]): readonly string[];
  /** Makes the API server reachable from here; its URL. */
  publish(): Promise<string>;
  /** A socket of this process that nodes reach, where there are nodes, and its URL for them. */
  listenForNodes?(): Promise<{ readonly server: Server; readonly url: string }>;
  stop(): Promise<void>;
}

const CRDS = join(import.meta.dirname, '../../../deploy/crds');
const READY_POLL_MS = 30;
const READY_WAIT_MS = 60_000;

export class ControlPlane implements AsyncDisposable {
  /** As the API server's clients know it. */
  readonly url: string;
  /** A bearer token of a cluster administrator. */
  readonly token: string;
  readonly certificates: Certificates;
  readonly run: RunFolder;
  readonly site: ControlPlaneSite;
  /** Of an administrator, for the URL. */
  readonly kubeconfig: string;
  readonly #components: ReadonlyMap<ComponentName, Component>;
  readonly #proxies: ApiProxy[] = [];
  #kubeconfigs = 0;
  #stopped: Promise<void> | undefined;

  /** Use startControlPlane. */
  constructor(parts: {
    readonly url: string;
    readonly token: string;
    readonly certificates: Certificates;
    readonly site: ControlPlaneSite;
    readonly components: ReadonlyMap<ComponentName, Component>;
  }) {
    this.url = parts.url;
    this.token = parts.token;
    this.certificates = parts.certificates;
    this.site = parts.site;
    this.run = parts.site.run;
    this.#components = parts.components;
    this.kubeconfig = writeKubeconfig(
      this.run.file('admin.kubeconfig'),
      this.url,
      this.authorityPem,
      { token: this.token },
    );
  }

  /** Everything that the cluster writes is in here. */
  get folder(): string {
    return this.run.path;
  }

  get authorityPem(): string {
    return this.certificates.authorityPem;
  }

  /** Runs kubectl as an administrator; what it prints. Rejects with what it says where it fails. */
  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const { exit, out, err } = await this.tryKubectl(args, input);
    if (exit !== 0) throw new Error(`kubectl ${args.join(' ')}: ${err.trim()}`);
    return out;
  }

  /** The same where it may fail. `input` is for `-f -`. */
  tryKubectl(args: readonly string[], input = ''): Promise<ProcessResult> {
    return runProcess(
      programPath('kubectl'),
      ['--kubeconfig', this.kubeconfig, '--cache-dir', this.run.folder('kubectl'), ...args],
      { input },
    );
  }

  /** One request as an administrator. Rejects where nobody answers. */
  ask(method: string, path: string, body?: unknown, contentType?: string): Promise<ApiAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return askApi(this, method, path, text, contentType);
  }

  /** A kubeconfig of another user, by certificate. `url` may be that of a proxy. */
  async kubeconfigFor(
    user: string,
    groups: readonly string[] = [],
    url = this.url,
  ): Promise<string> {
    const pair = await this.certificates.client(user, groups);
    this.#kubeconfigs += 1;
    const file = this.run.file('kubeconfigs', `${this.#kubeconfigs}.json`);
    return writeKubeconfig(file, url, this.authorityPem, pair);
  }

  /** One of its programs. Throws where the cluster runs without it. */
  component(name: ComponentName): Component {
    const component = this.#components.get(name);
    if (component === undefined) throw new Error(`this cluster runs no ${name}`);
    return component;
  }

  /** SIGKILL; resolves once it is gone. */
  kill(name: ComponentName): Promise<void> {
    return this.component(name).kill();
  }

  /** Starts it again, after SIGKILL if it still runs, and waits until the API server is ready. */
  async restart(name: ComponentName): Promise<void> {
    await this.component(name).restart();
    await this.ready();
  }

  /** SIGSTOP: connections stay, nothing is answered. */
  freeze(name: ComponentName): void {
    this.component(name).freeze();
  }

  /** SIGCONT. */
  thaw(name: ComponentName): void {
    this.component(name).thaw();
  }

  /** Resolves once /readyz says so. */
  async ready(): Promise<void> {
    const until = performance.now() + READY_WAIT_MS;
    while (!(await isReady(this))) {
      if (performance.now() > until) throw new Error('the API server did not become ready');
      await pause(READY_POLL_MS);
    }
  }

  /** Applies every manifest of deploy/crds and waits until they are served. */
  async applyCrds(): Promise<void> {
    const files = readdirSync(CRDS).filter((name) => name.endsWith('.yaml'));
    for (const name of files) {
      // Server-side: a large schema does not fit into the annotation of the other way.
      await this.kubectl(['apply', '--server-side', '-f', join(CRDS, name)]);
    }
    const established = '--for=condition=Established';
    await this.kubectl(['wait', established, '--timeout=60s', 'crd', '--all']);
  }

  /** Another proxy in front of the API server, which goes with the cluster. */
  async newProxy(): Promise<ApiProxy> {
    const proxy = await ApiProxy.start(this);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** The first proxy. Throws where there is none. */
  get proxy(): ApiProxy {
    const [first] = this.#proxies;
    if (first === undefined) throw new Error('start the control plane with `proxy: true`');
    return first;
  }

  /** Stops everything and leaves nothing behind. May be called again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    for (const proxy of this.#proxies) await proxy.close();
    await this.site.stop();
    await this.run.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const owned = new Set<RunFolder>();
process.on('exit', () => {
  for (const run of owned) run.killAll();
});

/** Starts one and waits until it is ready. Rejects with the log of what did not start. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const site = options.site ?? (await loopbackSite());
  if (!site.kept) owned.add(site.run);
  try {
    const started = await start(site, options);
    if (options.crds) await started.applyCrds();
    if (options.proxy) await started.newProxy();
    return started;
  } catch (error) {
    await site.stop();
    await site.run.remove();
    throw error;
  }
}

async function loopbackSite(): Promise<ControlPlaneSite> {
  const run = await RunFolder.make();
  const address = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  const port = 6443;
  return {
    run,
    addresses: [address],
    port,
    bindAddress: address,
    kept: false,
    inside: (command) => command,
    publish: async () => `https://${address}:${port}`,
    stop: async () => {},
  };
}

async function start(site: ControlPlaneSite, options: ControlPlaneOptions): Promise<ControlPlane> {
  const { run } = site;
  const certificates = await Certificates.make(run);
  const commands = await ControlPlaneCommands.prepare(site, certificates, options);
  const url = await site.publish();
  const { token } = commands;
  const components = new Map<ComponentName, Component>();
  const add = (name: ComponentName, command: readonly string[], more: Partial<ComponentOptions>) =>
    components.set(
      name,
      new Component({ run, name, command: site.inside(command), kept: site.kept, ...more }),
    );
  const target = { url, token, authorityPem: certificates.authorityPem };
  add('etcd', commands.etcd(), {});
  add('kube-apiserver', commands.apiServer(), { isReady: () => isReady(target) });
  const kubeconfig = writeKubeconfig(
    run.file('inside.kubeconfig'),
    `https://${site.addresses[0]}:${site.port}`,
    certificates.authorityPem,
    { token },
  );
  for (const short of options.components ?? []) {
    const name = `kube-${short}` as const;
    add(name, commands.manager(name, kubeconfig), {});
  }
  for (const component of components.values()) await component.start();
  return new ControlPlane({ url, token, certificates, site, components });
}

async function isReady(target: Parameters<typeof askApi>[0]): Promise<boolean> {
  try {
    const answer = await askApi(target, 'GET', '/readyz', undefined, undefined, 2_000);
    return answer.status === 200;
  } catch {
    return false;
  }
}

/** What a component's log says, for the report of a failed test. */
export function logOf(controlPlane: ControlPlane, name: string): string {
  return readFileSync(join(controlPlane.folder, 'logs', `${name}.log`), 'utf8');
}
