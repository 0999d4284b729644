/** The real agent as a process of its own: started on a scratch folder, stopped, killed, started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const COMMAND = join(import.meta.dirname, '../../src/cli/orbweaver.mjs');
const READY_WAIT_MS = 60_000;
const READY_POLL_MS = 3;

/** State, socket and manifests of one agent, removed at the end of its block. */
export class AgentFolder implements Disposable {
  readonly folder: string;

  /** `parent` decides the filesystem. */
  constructor(parent = tmpdir()) {
    this.folder = mkdtempSync(join(parent, 'orbweaver-'));
    mkdirSync(this.state);
  }

  get state(): string {
    return join(this.folder, 'state');
  }

  get socket(): string {
    return join(this.folder, 'run', 'cni.sock');
  }

  /** Writes manifests (YAML or JSON) for the agent to read at its start. */
  writeManifests(text: string): void {
    writeFileSync(this.#manifests, text);
    this.hasManifests = true;
  }

  hasManifests = false;

  get #manifests(): string {
    return join(this.folder, 'manifests.yaml');
  }

  /** The arguments of `orbweaver agent` for this folder. */
  args(node: string): string[] {
    const manifests = this.hasManifests ? ['--manifests', this.#manifests] : [];
    return ['agent', '--state', this.state, '--socket', this.socket, '--node', node, ...manifests];
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface AgentOptions {
  readonly node?: string;
  /** The command's file, where it is not the one of this tree. */
  readonly command?: string;
  /** Arguments for Node itself. */
  readonly nodeArgs?: readonly string[];
  /** A shell line that sets the stage and ends in `exec "$@"`; it runs in a mount namespace of its own. */
  readonly stage?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `orbweaver agent`; a later one replaces an earlier one of the same name. */
  readonly args?: readonly string[];
}

export interface AgentExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

let started = 0;
const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) {
    child.kill('SIGKILL');
  }
});

export class AgentProcess implements AsyncDisposable {
  readonly socket: string;
  readonly exit: Promise<AgentExit>;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  #exited = false;

  private constructor(folder: AgentFolder, options: AgentOptions) {
    this.socket = folder.socket;
    const command = [
      process.execPath,
      ...(options.nodeArgs ?? []),
      options.command ?? COMMAND,
      ...folder.args(options.node ?? 'node1'),
      ...(options.args ?? []),
    ];
    const line =
      options.stage === undefined
        ? command
        : ['unshare', '--mount', 'sh', '-c', options.stage, 'sh', ...command];
    // A file and not a pipe: a test that is busy itself would leave the agent waiting for a reader.
    started += 1;
    this.#logFile = join(folder.folder, `agent-${started}.log`);
    const log = openSync(this.#logFile, 'w');
    this.#child = spawn(line[0]!, line.slice(1), {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
    });
    closeSync(log);
    alive.add(this.#child);
    this.exit = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code, signal) => {
        this.#exited = true;
        alive.delete(this.#child);
        resolve({ code, signal });
      });
    });
  }

  /** Starts an agent and comes back at once. */
  static spawn(folder: AgentFolder, options: AgentOptions = {}): AgentProcess {
    return new AgentProcess(folder, options);
  }

  /** Starts an agent and waits until it is ready. Throws with its logs where it ends before. */
  static async start(folder: AgentFolder, options: AgentOptions = {}): Promise<AgentProcess> {
    const agent = new AgentProcess(folder, options);
    try {
      await agent.ready();
    } catch (error) {
      await agent.kill();
      throw error;
    }
    return agent;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it has written to both of its streams so far. */
  get logs(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  /** Resolves once /readyz says so; rejects where the agent ends first or takes too long. */
  async ready(): Promise<void> {
    const until = performance.now() + READY_WAIT_MS;
    while ((await getStatus(this.socket, '/readyz')) !== 200) {
      if (this.#exited || performance.now() > until) {
        throw new Error(`the agent did not become ready:\n${this.logs.slice(-10_000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }

  /** SIGTERM, as a service manager stops it. */
  stop(): Promise<AgentExit> {
    this.#child.kill('SIGTERM');
    return this.exit;
  }

  /** SIGKILL. */
  kill(): Promise<AgentExit> {
    this.#child.kill('SIGKILL');
    return this.exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** The HTTP status of a GET on the agent's socket, or undefined where nobody answers. */
export function getStatus(socketPath: string, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, path, headers: { connection: 'close' } }, (incoming) => {
      incoming.resume();
      incoming.on('close', () => resolve(incoming.statusCode));
    });
    outgoing.on('error', () => resolve(undefined));
    outgoing.end();
  });
}

/** A GET on the agent's socket, answered with JSON. Rejects where the status is not 200. */
export function getJson<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, headers: { connection: 'close' } }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('end', () => {
        if (incoming.statusCode === 200) {
          resolve(JSON.parse(text) as T);
        } else {
          reject(new Error(`GET ${path}: ${incoming.statusCode} ${text}`));
        }
      });
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
