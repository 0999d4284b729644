/** Numbers as Go's printf writes them, for tables that people compare with calicoctl's. */

const SIGNIFICANT_DIGITS = 5;

/** `%.5g`: at most five significant digits, the exponent with two digits at least. */
export function generalNumber(value: number): string {
  if (value !== 0 && Math.abs(value) >= 10 ** SIGNIFICANT_DIGITS) {
    const [mantissa, exponent] = value.toExponential(SIGNIFICANT_DIGITS - 1).split('e+');
    return `${Number(mantissa)}e+${exponent!.padStart(2, '0')}`;
  }
  return String(Number(value.toPrecision(SIGNIFICANT_DIGITS)));
}

/** `%.f%%` of part in whole: halves go to the even number, as in Go. Of nothing, 0 %. */
export function percentage(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (100 * part) / whole;
  const below = Math.floor(percent);
  const half = percent - below === 0.5;
  const rounded = half ? below + (below % 2) : Math.round(percent);
  return `${rounded}%`;
}
