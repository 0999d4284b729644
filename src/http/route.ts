/**
 * What the agent says about one path of its socket. The server around it is src/http/server.ts;
 * nothing here knows which framework carries the bytes.
 */
import type { OrbweaverError } from '../catalogue/errors.ts';

/** A JSON Schema (draft 7), compiled once when the server starts. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One request, after limits and schemas. */
export interface Received {
  /** The parsed body; undefined for GET. */
  readonly body: unknown;
  /** Query parameters; of a repeated one the last counts. */
  readonly query: Readonly<Record<string, string>>;
  /** True once the caller has hung up, so that nobody reads the reply. */
  gone(): boolean;
}

export interface Reply {
  readonly status: number;
  readonly body: string;
  /** JSON where absent; empty for a reply without a body. */
  readonly contentType?: string;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** Largest body in bytes; a larger one is refused before it is read. */
  readonly bodyBytesMax?: number;
  readonly bodySchema?: JsonSchema;
  /**
   * Looks at the socket once more before `handle` runs, so that the hang-up of a caller whose
   * request lay in the kernel's buffers is seen by `gone()`.
   */
  readonly noticeHangUp?: boolean;
  handle(received: Received): Promise<Reply>;
  /** How this path says no: what the body was wrong about, or a fault of `handle`. */
  refuse(error: OrbweaverError): Reply;
}
