/** How long ago, as kubectl says it. */

const SECOND = 1;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/**
 * `46s`, `3m5s`, `12m`, `2h10m`, `26h`, `3d4h`, `40d`, `2y30d`: the rule of apimachinery's HumanDuration. `at` is
 * RFC 3339; a time to come is `0s`, no time `<unknown>`.
 */
export function age(at: string | undefined, now: number = Date.now()): string {
  const then = Date.parse(at ?? '');
  if (Number.isNaN(then)) {
    return '<unknown>';
  }
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  if (seconds < 2 * MINUTE) {
    return `${seconds}s`;
  }
  if (seconds < 10 * MINUTE) {
    return two(seconds, MINUTE, 'm', SECOND, 's');
  }
  if (seconds < 3 * HOUR) {
    return `${Math.floor(seconds / MINUTE)}m`;
  }
  if (seconds < 8 * HOUR) {
    return two(seconds, HOUR, 'h', MINUTE, 'm');
  }
  if (seconds < 2 * DAY) {
    return `${Math.floor(seconds / HOUR)}h`;
  }
  if (seconds < 8 * DAY) {
    return two(seconds, DAY, 'd', HOUR, 'h');
  }
  if (seconds < 2 * YEAR) {
    return `${Math.floor(seconds / DAY)}d`;
  }
  return seconds < 8 * YEAR ? two(seconds, YEAR, 'y', DAY, 'd') : `${Math.floor(seconds / YEAR)}y`;
}

/** The large unit, and the small one unless it is zero. */
function two(seconds: number, large: number, l: string, small: number, s: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${l}${rest === 0 ? '' : `${rest}${s}`}`;
}
