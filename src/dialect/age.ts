/**
 * How long ago something was, in the two forms that tables use.
 */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Both parts of a duration, the lesser left out where it is 0: `7m28s`, `7m`. */
function parts(value: number, unit: number, letter: string, lesser: number, low: string): string {
  const rest = Math.floor((value % unit) / lesser);
  const whole = `${Math.floor(value / unit)}${letter}`;
  return rest === 0 ? whole : `${whole}${rest}${low}`;
}

/**
 * kubectl's AGE: seconds up to two minutes, then one or two units that get coarser with time
 * (k8s.io/apimachinery pkg/util/duration HumanDuration).
 */
export function humanDuration(seconds: number): string {
  const value = Math.max(Math.floor(seconds), 0);
  if (value < 2 * MINUTE) return `${value}s`;
  if (value < 10 * MINUTE) return parts(value, MINUTE, 'm', 1, 's');
  if (value < 3 * HOUR) return `${Math.floor(value / MINUTE)}m`;
  if (value < 8 * HOUR) return parts(value, HOUR, 'h', MINUTE, 'm');
  if (value < 2 * DAY) return `${Math.floor(value / HOUR)}h`;
  if (value < 8 * DAY) return parts(value, DAY, 'd', HOUR, 'h');
  if (value < 2 * YEAR) return `${Math.floor(value / DAY)}d`;
  if (value < 8 * YEAR) return parts(value, YEAR, 'y', DAY, 'd');
  return `${Math.floor(value / YEAR)}y`;
}

/**
 * The same with minutes from the first one on, as the endpoint tables of Spiderpool's older documentation
 * print it: `46s`, `1m33s`.
 */
export function endpointDuration(seconds: number): string {
  const value = Math.floor(seconds);
  return value >= MINUTE && value < 2 * MINUTE
    ? parts(value, MINUTE, 'm', 1, 's')
    : humanDuration(seconds);
}
