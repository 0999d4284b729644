/** Routes of the CLI: JSON in, JSON out, refusals as ErrorBody. */
import { type ErrorCode, OrbweaverError } from '../catalogue/errors.ts';
import type { JsonSchema, Received, Reply, Route } from '../http/route.ts';
import type { ErrorBody } from './protocol.ts';

const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = {
  OBJECT_NOT_FOUND: 404,
  PATH_UNKNOWN: 404,
  OBJECT_EXISTS: 409,
  INTERNAL: 500,
};

/** A route that answers with what `handle` returns. */
export function jsonRoute(
  method: Route['method'],
  path: string,
  handle: (received: Received) => Promise<unknown>,
  limits: { bodyBytesMax?: number; bodySchema?: JsonSchema } = {},
): Route {
  return {
    method,
    path,
    ...limits,
    handle: async (received) => {
      try {
        return { status: 200, body: JSON.stringify(await handle(received)) };
      } catch (error) {
        return refuseJson(asOrbweaverError(error));
      }
    },
    refuse: refuseJson,
  };
}

/** `{"error": …}` with a status that fits the code. */
export function refuseJson(error: OrbweaverError): Reply {
  const status = STATUS_BY_CODE[error.code] ?? (error.row.retry ? 503 : 400);
  return { status, body: JSON.stringify({ error: errorBody(error) }) };
}

/** An error as it travels. */
export function errorBody({ code, message, details }: OrbweaverError): ErrorBody {
  return { code, message, details };
}

/** Whatever was thrown, as an error of the catalogue. */
export function asOrbweaverError(thrown: unknown): OrbweaverError {
  if (thrown instanceof OrbweaverError) {
    return thrown;
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return new OrbweaverError('INTERNAL', error.message, error.stack ?? '', { cause: thrown });
}
