import { beforeEach, describe, expect, it } from 'vitest';
import { ServerClock } from '../../src/kube/server-clock.ts';

const HOUR = 3_600_000;
const SERVER = Date.parse('Wed, 01 Jan 2025 00:00:00 GMT');

/** Monotonic milliseconds, and the node's wall clock. */
let monotonic: number;
let wall: number;
let clock: ServerClock;

const header = (serverTime: number) => new Date(serverTime).toUTCString();
/** An answer that the server gave `offset` after SERVER, now, with no time on the way. */
const answered = (offset: number) => clock.observe(header(SERVER + offset), monotonic, monotonic);
const pass = (ms: number) => {
  monotonic += ms;
  wall += ms;
};

beforeEach(() => {
  monotonic = 5_000;
  wall = SERVER;
  clock = new ServerClock({ wall: () => wall, monotonic: () => monotonic });
});

describe('the server clock', () => {
  it('is the wall clock until the first answer', () => {
    expect(clock.isSet).toBe(false);
    expect(clock.now()).toBe(wall);
  });

  it.each([-HOUR, 0, HOUR])("is the server's where the node's own is %i ms ahead", (ahead) => {
    wall = SERVER + ahead;
    answered(0);
    pass(1_234);
    expect(clock.now()).toBe(SERVER + 1_234);
    wall += HOUR;
    expect(clock.now()).toBe(SERVER + 1_234);
  });

  it('is behind by the time that the answer was on its way, never ahead', () => {
    clock.observe(header(SERVER), monotonic, monotonic + 400);
    pass(400);
    expect(clock.now()).toBe(SERVER);
  });

  it('closes in on the server with every answer near the turn of a second', () => {
    // The server's clock is at 900 ms of its second.
    clock.observe(header(SERVER + 900), monotonic, monotonic);
    expect(clock.now()).toBe(SERVER);
    pass(110);
    clock.observe(header(SERVER + 1_010), monotonic, monotonic);
    expect(clock.now()).toBe(SERVER + 1_000);
    pass(50);
    clock.observe(header(SERVER + 1_060), monotonic, monotonic);
    expect(clock.now()).toBe(SERVER + 1_050);
  });

  it('heeds no header that cannot be read', () => {
    answered(0);
    clock.observe('yesterday', monotonic, monotonic);
    clock.observe(undefined, monotonic, monotonic);
    expect(clock.now()).toBe(SERVER);
  });

  it('follows a server whose clock is set forward', () => {
    answered(0);
    answered(HOUR);
    expect(clock.now()).toBe(SERVER + HOUR);
  });

  it("never goes back where the server's clock is set back, and is caught up with", () => {
    answered(0);
    expect(clock.now()).toBe(SERVER);
    answered(-10_000);
    expect(clock.now()).toBe(SERVER);
    let last = clock.now();
    for (let second = 1; second <= 30; second += 1) {
      pass(1_000);
      answered(-10_000 + second * 1_000);
      expect(clock.now()).toBeGreaterThanOrEqual(last);
      last = clock.now();
    }
    expect(last).toBe(SERVER + 20_000);
  });
});
