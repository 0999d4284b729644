/**
 * An agent in a process of its own, started as users start it, and calls as the plugin makes them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exchange, post, type RawReply } from '../http/raw-request.ts';

export const ORBWEAVER = fileURLToPath(new URL('../../src/cli/orbweaver.mjs', import.meta.url));

export interface AgentPaths {
  readonly folder: string;
  readonly state: string;
  readonly socket: string;
  remove(): void;
}

/** A fresh folder with room for a state and a socket. */
export function newPaths(): AgentPaths {
  const folder = mkdtempSync(join(tmpdir(), 'orbweaver-agent-'));
  return {
    folder,
    state: join(folder, 'state'),
    socket: join(folder, 'run', 'cni.sock'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export class AgentProcess {
  readonly child: ChildProcess;
  readonly socket: string;
  /** Everything written so far. */
  out = '';
  err = '';
  readonly exited: Promise<number | NodeJS.Signals | null>;

  constructor(paths: AgentPaths, ...more: string[]) {
    this.socket = paths.socket;
    const args = ['--state', paths.state, '--socket', paths.socket, '--node', 'node1', ...more];
    this.child = spawn(process.execPath, [ORBWEAVER, 'agent', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.on('data', (chunk) => {
      this.out += chunk;
    });
    this.child.stderr!.on('data', (chunk) => {
      this.err += chunk;
    });
    this.exited = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve(signal ?? code));
    });
  }

  /** Resolves with the ready line; rejects with what was written when it exits before. */
  async ready(): Promise<string> {
    await Promise.race([
      new Promise<void>((resolve) => {
        const look = () => {
          if (this.out.includes('\n')) resolve();
        };
        this.child.stdout!.on('data', look);
        look();
      }),
      this.exited,
    ]);
    if (!this.out.includes('\n')) throw new Error(`the agent did not start: ${this.err}`);
    return this.out.split('\n')[0]!;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    // A stopped process acts on SIGTERM only when it goes on.
    this.child.kill('SIGCONT');
    await this.exited;
  }
}

export interface CallFields {
  command?: string;
  calledAs?: string;
  container?: string;
  pod?: string;
  namespace?: string;
  config?: unknown;
  ownNetns?: boolean;
}

const CONFIG = { cniVersion: '1.0.0', name: 'net', type: 'bridge', ipam: { type: 'orbweaver' } };

/** The bytes of one call. */
export function cniCall(fields: CallFields = {}): string {
  const { command = 'ADD', container = 'c1', pod = 'p1', namespace = 'default' } = fields;
  return post(
    '/cni',
    JSON.stringify({
      protocol: 1,
      calledAs: fields.calledAs ?? 'orbweaver',
      command,
      env: {
        CNI_CONTAINERID: container,
        CNI_NETNS: '/run/netns/x',
        CNI_IFNAME: 'eth0',
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${pod}`,
      },
      ownNetns: fields.ownNetns ?? false,
      config: JSON.stringify(fields.config ?? CONFIG),
    }),
  );
}

export function call(socket: string, fields: CallFields = {}): Promise<RawReply> {
  return exchange(socket, cniCall(fields));
}

export const POOL = `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: pool-a }
spec:
  subnet: 172.18.41.0/24
  ips: [172.18.41.40-172.18.41.49]
  default: true
`;
