import { describe, expect, test } from 'vitest';
import type { ApiOutcome } from '../../src/kube/api.ts';
import { failureOf } from '../../src/kube/object-outcome.ts';

type Failure = Parameters<typeof failureOf>[0];

const refused = (status: number, words: string): ApiOutcome<never> => ({
  kind: 'refused',
  reason: `${status}: ${words}`,
  status,
});

describe('the error for what came of a request', () => {
  test.each<[string, ApiOutcome<never>, string, string]>([
    ['nothing there', { kind: 'not-found' }, 'OBJECT_NOT_FOUND', 'pods "a" not found'],
    [
      'changed meanwhile',
      { kind: 'conflict' },
      'OBJECT_CONFLICT',
      'pods "a" was changed meanwhile',
    ],
    ['a test that failed', { kind: 'test-failed' }, 'OBJECT_INVALID', 'does not fit pods "a"'],
    ['busy', { kind: 'busy', retryAfterMs: 1 }, 'API_SERVER_AWAY', 'too busy'],
    ['away', { kind: 'away', reason: 'no route' }, 'API_SERVER_AWAY', 'pods "a"'],
    ['no answer', { kind: 'unknown', reason: 'no answer in 5 s' }, 'API_SERVER_AWAY', 'pods "a"'],
    [
      'a field that server-side apply does not know',
      {
        kind: 'unknown',
        reason:
          '500: failed to create typed patch object (/a; v1, Kind=Pod): .spec.x: field not declared in schema',
      },
      'OBJECT_INVALID',
      'pods "a" is invalid: .spec.x: field not declared in schema',
    ],
    [
      'a rule of the schema',
      refused(422, 'Pod "a" is invalid: spec.x: Required value'),
      'OBJECT_INVALID',
      'Pod "a" is invalid: spec.x: Required value',
    ],
    [
      'the words of a webhook, alone',
      refused(
        403,
        'admission webhook "pools.orbweaver.dev" denied the request: overlap with IPPool b',
      ),
      'OBJECT_INVALID',
      'overlap with IPPool b',
    ],
    [
      'an account that may not',
      refused(403, 'pods "a" is forbidden: User "eve" cannot get resource "pods"'),
      'API_FORBIDDEN',
      'pods "a" is forbidden: User "eve" cannot get resource "pods"',
    ],
    ['nobody', refused(401, 'Unauthorized'), 'API_FORBIDDEN', 'Unauthorized'],
    [
      'a kind that is not served',
      refused(404, 'the API server does not serve SpiderIPPool'),
      'OBJECT_NOT_FOUND',
      'does not serve SpiderIPPool',
    ],
  ])('%s', (_, outcome, code, words) => {
    const error = failureOf(outcome as Failure, 'pods "a"');
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });
});
