/** The built plugin, started for one call as a runtime starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  type CniCall,
  type CniReply,
  configText,
  environmentOf,
  NoAnswer,
  readReply,
} from './cni-call.ts';

const FOLDER = join(import.meta.dirname, '../../build/cni');

/** The path of the built plugin under one of its names. */
export function pluginPath(name: CniCall['calledAs'] = 'orbweaver'): string {
  return join(FOLDER, name);
}

/** Starts the plugin and comes back at once, so that a test can kill it. `stdout` may be a file descriptor. */
export function startPlugin(
  socket: string,
  call: CniCall,
  stdout: number | 'pipe' = 'pipe',
): { readonly child: ChildProcess; readonly reply: Promise<CniReply> } {
  const child = spawn(pluginPath(call.calledAs), [], {
    env: { ...environmentOf(call), ORBWEAVER_SOCKET: socket },
    stdio: ['pipe', stdout, 'ignore'],
  });
  // A plugin that is killed, or that refuses early, does not read its stdin to the end.
  child.stdin!.on('error', () => {});
  child.stdin!.end(configText(call));
  return { child, reply: replyOf(child) };
}

/** Makes the call through the plugin. Rejects with NoAnswer where a signal ended it. */
export function callPlugin(socket: string, call: CniCall): Promise<CniReply> {
  return startPlugin(socket, call).reply;
}

async function replyOf(child: ChildProcess): Promise<CniReply> {
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code));
  });
  const [code, printed] = await Promise.all([
    ended,
    child.stdout === null ? '' : text(child.stdout),
  ]);
  if (code === null) {
    throw new NoAnswer('the plugin was killed');
  }
  // Exactly one document (I11): JSON.parse in readReply refuses two, and text around one.
  return readReply(code === 0, printed);
}
