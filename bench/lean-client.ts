/**
 * Many CNI calls to the agent's socket over connections that stay open, as cheap as Node can do it: requests
 * are bytes before the clock starts, and of a reply only its status, its length and the address are read.
 */
import { connect, type Socket } from 'node:net';

export interface Burst {
  readonly totalMs: number;
  /** Of one call, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of this process for one call, in milliseconds: what the client itself costs. */
  readonly clientCpuMs: number;
  /** First address of each result, in no order. */
  readonly addresses: readonly string[];
}

const HEAD_END = Buffer.from('\r\n\r\n');
const OK = 'HTTP/1.1 200';

/** The bytes of an ADD for container and pod number `index`, as the plugin sends it but for the kept connection. */
export function addRequest(index: number, uid = `uid-${index}`): Buffer {
  const body = JSON.stringify({
    protocol: 1,
    calledAs: 'orbweaver',
    command: 'ADD',
    env: {
      CNI_CONTAINERID: '0'.repeat(48) + String(index).padStart(16, '0'),
      CNI_NETNS: '/run/netns/none',
      CNI_IFNAME: 'eth0',
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-${index};K8S_POD_UID=${uid}`,
      CNI_PATH: '/opt/cni/bin',
    },
    ownNetns: false,
    config: '{"cniVersion":"1.0.0","name":"bench","ipam":{"type":"orbweaver"}}',
  });
  return Buffer.from(
    `POST /cni HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** Opens so many connections to the agent's socket. */
export async function openConnections(path: string, count: number): Promise<Socket[]> {
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(path, () => resolve(socket));
          socket.once('error', reject);
        }),
    ),
  );
}

/** Sends all requests, one at a time on each connection. Rejects at the first reply that is not a 200. */
export async function burst(
  connections: readonly Socket[],
  requests: readonly Buffer[],
): Promise<Burst> {
  const took = new Float64Array(requests.length);
  const addresses: string[] = [];
  const cpu = process.cpuUsage();
  const began = performance.now();
  let next = 0;
  await Promise.all(
    connections.map(async (socket) => {
      while (next < requests.length) {
        const index = next;
        next += 1;
        const sent = performance.now();
        addresses.push(await exchange(socket, requests[index]!));
        took[index] = performance.now() - sent;
      }
    }),
  );
  const totalMs = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  took.sort();
  return {
    totalMs,
    p50Ms: took[Math.ceil(took.length * 0.5) - 1]!,
    p99Ms: took[Math.ceil(took.length * 0.99) - 1]!,
    clientCpuMs: (user + system) / 1_000 / requests.length,
    addresses,
  };
}

function exchange(socket: Socket, request: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      reply = reply.length === 0 ? chunk : Buffer.concat([reply, chunk]);
      const headEnd = reply.indexOf(HEAD_END);
      if (headEnd < 0) {
        return;
      }
      const text = reply.toString('latin1');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (reply.length < headEnd + HEAD_END.length + length) {
        return;
      }
      socket.off('data', onData);
      if (text.startsWith(OK)) {
        resolve(/"address":"([^"/]+)/.exec(text)![1]!);
      } else {
        reject(new Error(text));
      }
    };
    socket.on('data', onData);
    socket.write(request);
  });
}
