/**
 * What vitest's `expect.poll` does, also in tests that run at the same time: that one belongs to the test which
 * was started last.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';

type Matcher =
  | 'toBe'
  | 'toBeGreaterThan'
  | 'toBeGreaterThanOrEqual'
  | 'toContain'
  | 'toEqual'
  | 'toMatchObject';

/** Reads again and again until it matches; rejects with the last mismatch when the time is over. */
export function poll(
  read: () => unknown,
  { timeout, interval }: { readonly timeout: number; readonly interval: number },
): Record<Matcher, (expected: unknown) => Promise<void>> {
  const matched = (matcher: Matcher) => async (expected: unknown) => {
    const until = performance.now() + timeout;
    for (;;) {
      try {
        const judged: Record<Matcher, (wanted: never) => void> = expect(await read());
        judged[matcher](expected as never);
        return;
      } catch (error) {
        if (performance.now() > until) throw error;
      }
      await pause(interval);
    }
  };
  return {
    toBe: matched('toBe'),
    toBeGreaterThan: matched('toBeGreaterThan'),
    toBeGreaterThanOrEqual: matched('toBeGreaterThanOrEqual'),
    toContain: matched('toContain'),
    toEqual: matched('toEqual'),
    toMatchObject: matched('toMatchObject'),
  };
}
