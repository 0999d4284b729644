/** Commands against the API server that a kubeconfig leads to, without an agent. */
import type { DirectCommands } from '../agent/direct-commands.ts';
import type { CommandClient, CommandQuery } from './command-client.ts';
import { whileWaiting } from './progress.ts';

export class ClusterClient implements CommandClient {
  readonly #kubeconfig: string;
  #commands: Promise<DirectCommands> | undefined;

  /** `kubeconfig`: absolute path of the file, which is read with the first request. */
  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  /** Throws KUBECONFIG_INVALID, API_SERVER_AWAY, API_FORBIDDEN, and what the command is refused with. */
  get<T>(path: string, query: CommandQuery = {}): Promise<T> {
    return this.#answer('GET', path, query, undefined);
  }

  /** Throws as `get` does. */
  post<T>(path: string, body: unknown): Promise<T> {
    return this.#answer('POST', path, {}, body);
  }

  /** Ends the connections, without which the process would stay. */
  async close(): Promise<void> {
    await (await this.#commands?.catch(() => undefined))?.close();
  }

  async #answer<T>(
    method: 'GET' | 'POST',
    path: string,
    query: CommandQuery,
    body: unknown,
  ): Promise<T> {
    this.#commands ??= this.#load();
    const commands = await this.#commands;
    const given = Object.entries(query).filter(
      (pair): pair is [string, string] => pair[1] !== undefined,
    );
    const answer = commands.answer(method, path, Object.fromEntries(given), body);
    return (await whileWaiting('waiting for the API server …', answer)) as T;
  }

  /** The client of the API server and the engine take a moment, and most commands ask an agent. */
  async #load(): Promise<DirectCommands> {
    const { DirectCommands } = await import('../agent/direct-commands.ts');
    return new DirectCommands(this.#kubeconfig);
  }
}
