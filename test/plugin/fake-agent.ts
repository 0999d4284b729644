/** The daemon's side of the socket, played by the test: a plain node:net server, so that it can misbehave. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One request as it came, byte for byte. */
export interface ReceivedRequest {
  readonly head: string;
  readonly body: Buffer;
}

/** Gets every connection whose whole request has come, and does with it what it likes. */
export type Answerer = (connection: Socket, request: ReceivedRequest) => void;

/** A result, so that a test can see it on stdout. */
export const RESULT = '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.9.0.2/24"}]}';

/** An HTTP reply as the agent sends it. */
export function httpReply(status: number, body: string | Buffer, extraHead = ''): Buffer {
  const bytes = Buffer.from(body);
  const head = `HTTP/1.1 ${status} X\r\ncontent-length: ${bytes.length}\r\n${extraHead}\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** An answerer that sends these bytes and ends the connection. */
export function sending(bytes: Buffer | string): Answerer {
  return (connection) => connection.end(bytes);
}

/** A folder with room for a socket, removed at the end of its block. */
export class SocketFolder implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'plugin-'));
  readonly socket = join(this.folder, 'cni.sock');

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A listening agent. It counts connections, so that a test can see that nothing was sent twice. */
export class FakeAgent implements AsyncDisposable {
  readonly socket: string;
  readonly requests: ReceivedRequest[] = [];
  readonly connections: Socket[] = [];
  readonly #folder: SocketFolder | undefined;
  readonly #server: Server;

  private constructor(answer: Answerer, at: string | undefined, reads: boolean) {
    this.#folder = at === undefined ? new SocketFolder() : undefined;
    this.socket = at ?? this.#folder!.socket;
    this.#server = createServer({ pauseOnConnect: !reads }, (connection) => {
      this.connections.push(connection);
      connection.on('error', () => {});
      this.#collect(connection, answer);
    });
  }

  /** Listens on a socket of its own, or on `at`. With `reads: false` it accepts and reads nothing. */
  static async start(
    answer: Answerer = sending(httpReply(200, RESULT)),
    options: { at?: string; reads?: boolean } = {},
  ): Promise<FakeAgent> {
    const agent = new FakeAgent(answer, options.at, options.reads ?? true);
    await new Promise<void>((resolve) => agent.#server.listen(agent.socket, resolve));
    return agent;
  }

  #collect(connection: Socket, answer: Answerer): void {
    let bytes = Buffer.alloc(0);
    connection.on('data', (more: Buffer) => {
      bytes = Buffer.concat([bytes, more]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = bytes.toString('latin1', 0, end + 4);
      const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1]);
      const body = bytes.subarray(end + 4);
      if (body.length < length) return;
      const request = { head, body };
      this.requests.push(request);
      answer(connection, request);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#folder?.[Symbol.dispose]();
  }
}
