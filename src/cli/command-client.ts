/** What answers commands: an agent on its socket (agent-client.ts), or an API server (cluster-client.ts). */

/** Undefined values are left out. */
export type CommandQuery = Readonly<Record<string, string | undefined>>;

/** Paths, queries and bodies are those of src/agent/protocol.ts. */
export interface CommandClient {
  /** Throws the error that it was answered with, or why there was no answer. */
  get<T>(path: string, query?: CommandQuery): Promise<T>;
  /** Throws as `get` does. */
  post<T>(path: string, body: unknown): Promise<T>;
}
