/** CNI calls as a runtime makes them, said once for the socket and for the plugin binary. */
import { connect } from 'node:net';

export interface CniCall {
  readonly verb: 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';
  readonly container?: string;
  readonly interfaceName?: string;
  /** Whose interface it is; without it the call names no pod. */
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid?: string };
  /** Replaces CNI_ARGS as made from `pod`. */
  readonly args?: string;
  /** Replaces the config; an object is laid over the default one, text is sent as it is. */
  readonly config?: Readonly<Record<string, unknown>> | string;
  /** Laid over the environment; undefined leaves a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The name the plugin is called by. */
  readonly calledAs?: 'orbweaver' | 'spiderpool' | 'calico-ipam';
}

/** An address of a result, as it is printed from 1.0.0 on. */
export interface ResultAddress {
  /** With prefix length. */
  readonly address: string;
  readonly gateway?: string;
}

/** A CNI error object. */
export interface CniError {
  readonly cniVersion?: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

export type CniReply =
  | { readonly ok: true; readonly addresses: readonly string[]; readonly text: string }
  | { readonly ok: false; readonly error: CniError; readonly text: string };

/** Nobody knows what became of the call: the agent or the plugin died, or was not there. */
export class NoAnswer extends Error {}

export const NETWORK = 'testnet';

const DEFAULT_CONFIG = { cniVersion: '1.1.0', name: NETWORK, ipam: { type: 'orbweaver' } };

/** Stdin of the plugin. */
export function configText(call: CniCall): string {
  return typeof call.config === 'string'
    ? call.config
    : JSON.stringify({ ...DEFAULT_CONFIG, ...call.config });
}

/** The CNI_* variables of the call, CNI_COMMAND included. */
export function environmentOf(call: CniCall): Record<string, string> {
  const attached = !['GC', 'STATUS', 'VERSION'].includes(call.verb);
  const all: Record<string, string | undefined> = {
    CNI_COMMAND: call.verb,
    CNI_PATH: '/opt/cni/bin',
    ...(attached
      ? {
          CNI_CONTAINERID: call.container ?? 'c0',
          CNI_NETNS: '/run/netns/none',
          CNI_IFNAME: call.interfaceName ?? 'eth0',
          CNI_ARGS: call.args ?? argsOf(call.pod),
        }
      : {}),
    ...call.env,
  };
  return Object.fromEntries(
    Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

function argsOf(pod: CniCall['pod']): string | undefined {
  if (pod === undefined) {
    return undefined;
  }
  const uid = pod.uid === undefined ? '' : `;K8S_POD_UID=${pod.uid}`;
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=${pod.namespace};K8S_POD_NAME=${pod.name}${uid}`;
}

/** The bytes that the plugin would send for the call. */
export function requestBytes(call: CniCall): string {
  const { CNI_COMMAND: command, ...env } = environmentOf(call);
  const body = JSON.stringify({
    protocol: 1,
    calledAs: call.calledAs ?? 'orbweaver',
    command,
    env,
    ownNetns: false,
    config: configText(call),
  });
  return `POST /cni HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}

/** Reads what the plugin prints or the agent answers; `ok` is the verdict that came with it. */
export function readReply(ok: boolean, text: string): CniReply {
  if (!ok) {
    return { ok, error: JSON.parse(text) as CniError, text };
  }
  const result = text === '' ? {} : (JSON.parse(text) as { ips?: ResultAddress[] });
  return { ok, addresses: (result.ips ?? []).map((ip) => ip.address), text };
}

/**
 * Makes the call on the agent's socket, on a connection of its own as the plugin does. Rejects with NoAnswer
 * where no whole answer comes. `hangUpAfterMs` closes the connection early, as a plugin that is killed.
 */
export function callAgent(
  socketPath: string,
  call: CniCall,
  hangUpAfterMs?: number,
): Promise<CniReply> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(socketPath, () => socket.write(requestBytes(call)));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      const reply = wholeReply(text);
      if (reply === undefined) {
        reject(new NoAnswer(`no whole answer: ${JSON.stringify(text.slice(0, 100))}`));
      } else {
        resolve(reply);
      }
    });
    if (hangUpAfterMs !== undefined) {
      setTimeout(() => socket.destroy(), hangUpAfterMs);
    }
  });
}

function wholeReply(text: string): CniReply | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) {
    return undefined;
  }
  const head = text.slice(0, headEnd);
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
  const body = text.slice(headEnd + 4);
  return Buffer.byteLength(body) < length
    ? undefined
    : readReply(head.startsWith('HTTP/1.1 200'), body);
}
