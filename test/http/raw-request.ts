/** HTTP by hand over a unix socket, so that a test can send half of it, too much of it, or none. */
import { connect, type Socket } from 'node:net';

export interface RawReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export function openSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** The bytes of a POST as the plugin sends it. */
export function post(path: string, body: string, headers = 'Connection: close\r\n'): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}

/** The next whole reply on the socket; rejects when the socket ends before it. */
export function readReply(socket: Socket): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    let text = '';
    const settle = (error?: Error) => {
      socket.off('data', onData).off('end', onEnd).off('error', settle);
      if (error !== undefined) reject(error);
    };
    const onEnd = () => settle(new Error(`the socket ended after ${JSON.stringify(text)}`));
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const reply = parseReply(text);
      if (reply !== undefined) {
        settle();
        resolve(reply);
      }
    };
    socket.on('data', onData).on('end', onEnd).on('error', settle);
  });
}

function parseReply(text: string): RawReply | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine, ...lines] = text.slice(0, headEnd).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const length = Number(headers.get('content-length'));
  if (Number.isNaN(length)) throw new Error(`no Content-Length in ${text.slice(0, headEnd)}`);
  const body = text.slice(headEnd + 4);
  if (body.length < length) return undefined;
  return {
    status: Number(statusLine!.split(' ')[1]),
    headers,
    body: Buffer.from(body.slice(0, length), 'latin1').toString(),
  };
}

/** Sends the bytes on a fresh connection and reads one reply. */
export async function exchange(path: string, bytes: string): Promise<RawReply> {
  const socket = await openSocket(path);
  try {
    const reply = readReply(socket);
    socket.write(bytes);
    return await reply;
  } finally {
    socket.destroy();
  }
}
