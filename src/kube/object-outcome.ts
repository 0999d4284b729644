/** What came of a request about one object, in the words of the catalogue. */
import { type ErrorCode, OrbweaverError } from '../catalogue/errors.ts';
import type { ApiOutcome } from './api.ts';

type Failure = Exclude<ApiOutcome<never>, { readonly kind: 'ok' }>;

/** What the server puts in front of the words of an admission webhook. */
const DENIED = /^admission webhook "[^"]*" denied the request: /;
/** A field that the schema does not have ends a server-side apply with 500, before anything is written. */
const UNTYPED = /failed to create typed patch object \([^)]*\): (.*)$/s;

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
    case 'unknown': {
      const fault = UNTYPED.exec(failure.reason)?.[1];
      if (fault !== undefined) {
        return new OrbweaverError('OBJECT_INVALID', `${name} is invalid: ${fault}`);
      }
      return new OrbweaverError('API_SERVER_AWAY', name, failure.reason);
    }
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
