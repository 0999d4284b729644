/** What an answer of the API server says came of the request (reference/kubernetes-api.md section 2). */
import type { ApiOutcome } from './api.ts';
import type { HttpAnswer } from './http-exchange.ts';
import { readWarnings } from './warning-header.ts';

/** The part of a Status object that is read. */
interface Status {
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    readonly causes?: readonly unknown[];
    readonly retryAfterSeconds?: number;
  };
}

/** Where the server does not say how long to wait, and the longest wait that is heeded, in milliseconds. */
const RETRY_MS = 1_000;
const RETRY_LONGEST_MS = 30_000;

/** Limits of etcd, told as 500: nothing was written. */
const LIMIT_REACHED = /etcdserver: (request is too large|mvcc: database space exceeded)/;
const ETCD_BUSY = /etcdserver: too many requests/;

/** The outcome that an answer tells. `patched`: the request was a JSON Patch, whose `test` may fail. */
export function outcomeOf<T>(answer: HttpAnswer, patched: boolean): ApiOutcome<T> {
  const { status, body } = answer;
  if (status >= 200 && status < 300) {
    const value = parsed(body);
    if (value === undefined) {
      return { kind: 'unknown', reason: `the answer of ${status} is not JSON` };
    }
    const warnings = readWarnings(answer.headers.warning);
    return { kind: 'ok', value: value as T, ...(warnings.length === 0 ? {} : { warnings }) };
  }
  const told = statusOf(body);
  const refused: ApiOutcome<never> = { kind: 'refused', reason: reasonOf(answer, told), status };
  switch (status) {
    case 404:
      return { kind: 'not-found' };
    case 409:
      return { kind: 'conflict' };
    case 410:
      return { kind: 'expired' };
    case 422:
      return patched && (told.details?.causes ?? []).length === 0
        ? { kind: 'test-failed' }
        : refused;
    case 429:
      return { kind: 'busy', retryAfterMs: retryAfterMs(answer) ?? RETRY_MS };
    default:
      return status < 500 ? refused : failureOf(answer, told, refused);
  }
}

/** A failure of the server, as the event of a watch or the answer to one tells it. */
export function retryAfterMs(answer: HttpAnswer): number | undefined {
  const seconds =
    Number(answer.headers['retry-after'] ?? Number.NaN) ||
    statusOf(answer.body).details?.retryAfterSeconds;
  return seconds === undefined ? undefined : Math.min(seconds * 1_000, RETRY_LONGEST_MS);
}

/** The server's words for a failure, with the number in front. */
export function reasonOf({ status, body }: HttpAnswer, told: Status = statusOf(body)): string {
  return `${status}: ${told.message ?? body.slice(0, 200).trim()}`;
}

function failureOf(
  answer: HttpAnswer,
  told: Status,
  refused: ApiOutcome<never>,
): ApiOutcome<never> {
  const message = told.message ?? '';
  if (LIMIT_REACHED.test(message)) {
    return refused;
  }
  const waits = retryAfterMs(answer);
  if (ETCD_BUSY.test(message) || (answer.status === 503 && waits !== undefined)) {
    return { kind: 'busy', retryAfterMs: waits ?? RETRY_MS };
  }
  return { kind: 'unknown', reason: reasonOf(answer, told) };
}

function statusOf(body: string): Status {
  const value = parsed(body);
  return typeof value === 'object' && value !== null ? value : {};
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
