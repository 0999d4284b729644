const SHOWN_CHARS_MAX = 80;

/**
 * A value from outside, fit for a message: JSON text, so that strings are quoted and control characters
 * escaped, cut after 80 characters.
 */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
}
