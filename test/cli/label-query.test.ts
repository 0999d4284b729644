import { describe, expect, test } from 'vitest';
import { meets, readLabelQuery } from '../../src/cli/label-query.ts';

describe('label query', () => {
  test.each([
    ['app=static', { app: 'static' }, true],
    ['app==static', { app: 'other' }, false],
    ['app!=static', {}, true],
    ['app', { app: '' }, true],
    ['!app', { app: '' }, false],
    ['tier in (a, b)', { tier: 'b' }, true],
    ['tier notin (a,b)', { tier: 'b' }, false],
    ['app=web,tier in (a,b),!old', { app: 'web', tier: 'a' }, true],
    ['app=web, tier in (a,b)', { app: 'web' }, false],
    ['', {}, true],
  ])('%s on %j is %s', (query, labels, expected) => {
    expect(meets(readLabelQuery(query), labels as Record<string, string>)).toBe(expected);
  });

  test.each(['a=b=c', 'a in', '=b', 'a in (b'])('%s is refused by name', (query) => {
    expect(() => readLabelQuery(query)).toThrow(/-l ".*" is not/);
  });
});
