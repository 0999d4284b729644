/** What came of a request about one object, in the words of the catalogue. */
import { type ErrorCode, OrbweaverError } from '../catalogue/errors.ts';
import type { ApiOutcome } from './api.ts';

type Failure = Exclude<ApiOutcome<never>, { readonly kind: 'ok' }>;

/** What the server puts in front of the words of an admission webhook. */
const DENIED = /^admission webhook "[^"]*" denied the request: /;

/**
 * The error for a request that did not succeed; `name` is how the object is called in it
 * (`spiderippools.spiderpool.spidernet.io "pool-a"`). What the server or a webhook says is passed on as it is.
 */
export function failureOf(failure: Failure, name: string): OrbweaverError {
  switch (failure.kind) {
    case 'not-found':
      return new OrbweaverError('OBJECT_NOT_FOUND', `${name} not found`);
    case 'conflict':
    case 'expired':
      return new OrbweaverError('OBJECT_CONFLICT', `${name} was changed meanwhile`);
    case 'test-failed':
      return new OrbweaverError(
        'OBJECT_INVALID',
        `the patch does not fit ${name}: a test failed, or a path does not exist`,
      );
    case 'busy':
      return new OrbweaverError('API_SERVER_AWAY', `${name}: the API server is too busy`);
    case 'away':
    case 'unknown':
      return new OrbweaverError('API_SERVER_AWAY', name, failure.reason);
    case 'refused':
      return refusal(failure.reason, failure.status, name);
  }
}

function refusal(reason: string, status: number | undefined, name: string): OrbweaverError {
  // The reason begins with the status.
  const words = reason.replace(/^\d+: /, '');
  const denied = DENIED.test(words);
  const code: ErrorCode =
    denied || status === 400 || status === 422 ? 'OBJECT_INVALID' : 'API_FORBIDDEN';
  if (status === 404) {
    return new OrbweaverError('OBJECT_NOT_FOUND', words || `${name} not found`);
  }
  return new OrbweaverError(code, words.replace(DENIED, ''));
}

/** The value of an outcome. Throws what `failureOf` says. */
export function okValue<T>(outcome: ApiOutcome<T>, name: string): T {
  if (outcome.kind !== 'ok') {
    throw failureOf(outcome, name);
  }
  return outcome.value;
}
