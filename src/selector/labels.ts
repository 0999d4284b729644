/**
 * Labels of a node, namespace or pod, and how they are worded in reasons.
 */
import { quoted } from './field-error.ts';

export type Labels = Readonly<Record<string, string>>;

/** Values listed in one sentence before the rest is only counted. */
const VALUES_SHOWN_MAX = 10;
/** Characters of a selector text shown in one sentence. */
const TEXT_SHOWN_MAX = 200;
const PLAIN_VALUE = /^[A-Za-z0-9_.-]{1,63}$/;

/**
 * The value of a label, or undefined. Only what the object itself holds counts: `constructor` and
 * `toString` are valid label keys.
 */
export function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** What an object has instead of what was wanted: `label foo is missing`, `label foo is "bar"`. */
export function foundText(key: string, value: string | undefined): string {
  return value === undefined ? `label ${key} is missing` : `label ${key} is ${quoted(value)}`;
}

/** A value in a sentence: bare where that is unmistakable, else quoted. */
export function valueText(value: string): string {
  return PLAIN_VALUE.test(value) ? value : quoted(value);
}

/** `[a, b]`, each as valueText; long lists are cut and the number of those left out is given. */
export function valuesText(values: readonly string[]): string {
  const shown = values.slice(0, VALUES_SHOWN_MAX).map(valueText);
  const rest = values.length - shown.length;
  return rest > 0 ? `[${shown.join(', ')} and ${rest} more]` : `[${shown.join(', ')}]`;
}

/** The text, cut after 200 characters with `…`. */
export function clipped(text: string): string {
  return text.length > TEXT_SHOWN_MAX ? `${text.slice(0, TEXT_SHOWN_MAX)}…` : text;
}
