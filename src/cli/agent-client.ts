/** JSON requests to the agent on its unix socket. */
import { request } from 'node:http';
import { ERRORS, type ErrorCode, OrbweaverError } from '../catalogue/errors.ts';
import type { CommandClient, CommandQuery } from './command-client.ts';
import { whileWaiting } from './progress.ts';

export class AgentClient implements CommandClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Throws AGENT_UNREACHABLE, or the error that the agent answered with. */
  get<T>(path: string, query: CommandQuery = {}): Promise<T> {
    const given = Object.entries(query).filter(
      (pair): pair is [string, string] => pair[1] !== undefined,
    );
    const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
    return this.#send('GET', `${path}${search}`);
  }

  /** Throws as `get` does. */
  post<T>(path: string, body: unknown): Promise<T> {
    return this.#send('POST', path, JSON.stringify(body));
  }

  async #send<T>(method: string, path: string, body?: string): Promise<T> {
    const { status, text } = await whileWaiting(
      'waiting for the agent …',
      this.#exchange(method, path, body),
    );
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#unreachable(`it answered ${status} with something that is not JSON`);
    }
    if (status >= 400) {
      throw readError(value);
    }
    return value as T;
  }

  #exchange(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(this.#unreachable(error.message));
      const outgoing = request(
        {
          socketPath: this.#socket,
          method,
          path,
          headers: {
            connection: 'close',
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('end', () =>
            resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
          );
          incoming.on('error', fail);
        },
      );
      outgoing.on('error', fail);
      outgoing.end(body);
    });
  }

  #unreachable(reason: string): OrbweaverError {
    return new OrbweaverError('AGENT_UNREACHABLE', `no agent answers on ${this.#socket}`, reason);
  }
}

function readError(value: unknown): OrbweaverError {
  const error = (value as { error?: Record<string, unknown> } | null)?.error ?? {};
  const code = String(error.code);
  return new OrbweaverError(
    code in ERRORS ? (code as ErrorCode) : 'INTERNAL',
    String(error.message ?? 'the agent gave no reason'),
    String(error.details ?? ''),
  );
}
