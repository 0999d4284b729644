/** Starts a plugin as a runtime does and collects what it said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { expect } from 'vitest';
import type { BuiltPlugin } from './built-plugin.ts';

/** A whole ADD: nothing in it is special. */
export const ADD_ENVIRONMENT = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c0ffee',
  CNI_NETNS: '/run/netns/none',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0',
  CNI_PATH: '/opt/cni/bin',
} as const;

/** Its config asks for a version that is not the default, so that an echo can be seen. */
export const CONFIG = '{"cniVersion":"0.4.0","name":"net","ipam":{"type":"orbweaver"}}';

export interface StartOptions {
  readonly plugin: BuiltPlugin;
  readonly socket: string;
  /** Short waits: for calls that are meant to time out. */
  readonly impatient?: boolean;
  /** Replaces ADD_ENVIRONMENT; ORBWEAVER_SOCKET is added. */
  readonly env?: Readonly<Record<string, string>>;
  /** Replaces CONFIG; 'open' writes CONFIG and never ends it. */
  readonly stdin?: string | Uint8Array | 'open';
  /** A file descriptor for stdout instead of a pipe. */
  readonly stdout?: number;
  /** A further file descriptor, 3 in the child. */
  readonly third?: number;
  /** A shell line that runs the plugin as `exec "$@"`, for redirections that spawn cannot do. */
  readonly shell?: string;
  /** argv[0], where not the file itself. */
  readonly calledAs?: string;
}

export interface Outcome {
  /** The exit code, or the name of the signal that ended it. */
  readonly exit: number | NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Starts it and comes back at once, for tests that do something to the process meanwhile. */
export function startPlugin(options: StartOptions): {
  child: ChildProcess;
  outcome: Promise<Outcome>;
} {
  const { plugin, shell, calledAs } = options;
  const file = options.impatient ? plugin.impatient : plugin.patient;
  const command = [...plugin.runner, ...asCalled(plugin, calledAs), file];
  const line = shell === undefined ? command : ['/bin/sh', '-c', shell, 'sh', ...command];
  const started = performance.now();
  const child = spawn(line[0]!, line.slice(1), {
    env: { ...(options.env ?? ADD_ENVIRONMENT), ORBWEAVER_SOCKET: options.socket },
    stdio: ['pipe', options.stdout ?? 'pipe', 'pipe', options.third ?? 'ignore'],
    ...(calledAs !== undefined && plugin.runner.length === 0 ? { argv0: calledAs } : {}),
  });
  // A plugin that refuses early closes its stdin; the runtime's write then fails, which is no fault here.
  child.stdin!.on('error', () => {});
  const stdin = options.stdin ?? CONFIG;
  if (stdin === 'open') child.stdin!.write(CONFIG);
  else child.stdin!.end(stdin);
  return { child, outcome: collect(child, started) };
}

/** Runs it to its end. */
export function runPlugin(options: StartOptions): Promise<Outcome> {
  return startPlugin(options).outcome;
}

function asCalled(plugin: BuiltPlugin, calledAs: string | undefined): string[] {
  return calledAs !== undefined && plugin.runner.length > 0 ? ['-0', calledAs] : [];
}

async function collect(child: ChildProcess, started: number): Promise<Outcome> {
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? signal));
  });
  // Also what is known of a stdout that the test itself has closed.
  const nothing = Buffer.alloc(0);
  const [exit, stdout, stderr] = await Promise.all([
    ended,
    child.stdout === null ? nothing : buffer(child.stdout).catch(() => nothing),
    buffer(child.stderr!),
  ]);
  child.stdin!.destroy();
  return { exit, stdout, stderr: stderr.toString(), elapsedMs: performance.now() - started };
}

/** A CNI error object as the plugin prints it. */
export interface PrintedError {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details: string;
}

/** Asserts that the plugin refused with `code` in exactly one well-formed error object, and gives that back. */
export function expectRefusal(outcome: Outcome, code: number, cniVersion = '0.4.0'): PrintedError {
  expect({ exit: outcome.exit, stdout: outcome.stdout.toString() }).toMatchObject({ exit: 1 });
  const printed = JSON.parse(outcome.stdout.toString()) as PrintedError;
  expect(Object.keys(printed)).toEqual(['cniVersion', 'code', 'msg', 'details']);
  expect(printed).toMatchObject({ cniVersion, code });
  expect(printed.msg).not.toBe('');
  expect(printed.details).not.toBe('');
  return printed;
}

/** Asserts success with exactly this on stdout. */
export function expectResult(outcome: Outcome, stdout: string | Buffer): void {
  expect(outcome.stdout.toString()).toBe(stdout.toString());
  expect(outcome.exit).toBe(0);
  expect(outcome.stderr).toBe('');
}
