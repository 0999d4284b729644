import { describe, expect, test } from 'vitest';
import { MonotonicClock } from '../../src/ipam/clock.ts';

/** A clock over two hands that the test moves. */
function clockWith(start: number) {
  const hands = { wall: start, monotonic: 0 };
  const jumps: number[] = [];
  const clock = new MonotonicClock((ms) => jumps.push(ms), {
    wall: () => hands.wall,
    monotonic: () => hands.monotonic,
  });
  return { hands, jumps, clock };
}

describe('MonotonicClock', () => {
  test('follows the wall clock forward, also over a jump', () => {
    const { hands, clock } = clockWith(1_000_000);
    hands.wall += 3_600_000;
    hands.monotonic += 10;
    expect(clock.now()).toBe(4_600_000);
  });

  test('runs on at its own pace when the wall clock is set back, and tells it once', () => {
    const { hands, clock, jumps } = clockWith(10_000_000);
    hands.wall -= 3_600_000;
    hands.monotonic += 500;
    expect(clock.now()).toBe(10_000_500);
    hands.wall += 30_000;
    hands.monotonic += 30_000;
    expect(clock.now()).toBe(10_030_500);
    expect(jumps).toEqual([3_600_500]);
  });

  test('never goes back over random steps of the wall clock', () => {
    const { hands, clock } = clockWith(50_000);
    let before = clock.now();
    for (let step = 0; step < 1_000; step++) {
      hands.wall += ((step * 7919) % 20_001) - 10_000;
      hands.monotonic += step % 13;
      const now = clock.now();
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });
});
