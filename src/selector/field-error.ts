/**
 * Field errors in the API server's own words: `spec.ips[0]: Invalid value: "x": detail`. Each function
 * returns the text; `path` is the field as the API server writes it. Values are quoted as Go's %q does it,
 * so that no control or direction character of a manifest reaches a terminal, and cut when long. Source:
 * k8s.io/apimachinery pkg/util/validation/field and, for wrongType, the structural schemas of CRDs.
 */
import { LIMITS } from '../catalogue/limits.ts';

/** Characters of one value that are shown. */
const SHOWN_CHARS_MAX = 256;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
  ['"', '\\"'],
]);
/** What Go's strconv.IsPrint lets through, and then what %q writes differently nevertheless. */
const NOT_PLAIN = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|[\\"]/gu;

/** The text in double quotes, everything that is not printable escaped; cut after 256 characters, with `…`. */
export function quoted(text: string): string {
  const cut = text.length > SHOWN_CHARS_MAX;
  const shown = (cut ? text.slice(0, SHOWN_CHARS_MAX) : text).toWellFormed();
  return `"${shown.replace(NOT_PLAIN, escaped)}${cut ? '…' : ''}"`;
}

function escaped(char: string): string {
  const known = ESCAPES.get(char);
  if (known !== undefined) return known;
  const code = char.codePointAt(0)!;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** A value as the API server prints it: strings quoted, numbers and booleans bare, the rest as JSON. */
function printed(value: unknown): string {
  if (value === undefined || value === null) return '"null"';
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object') return String(value);
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
}

function withDetail(text: string, detail: string): string {
  return detail === '' ? text : `${text}: ${detail}`;
}

/** The value breaks a rule, which `detail` states. */
export function invalid(path: string, value: unknown, detail: string): string {
  return withDetail(`${path}: Invalid value: ${printed(value)}`, detail);
}

/** The field may not be set, or not so, in this object. */
export function forbidden(path: string, detail: string): string {
  return withDetail(`${path}: Forbidden`, detail);
}

/** The field is missing or empty. */
export function required(path: string, detail = ''): string {
  return withDetail(`${path}: Required value`, detail);
}

/** The value is none of those that the field knows. */
export function notSupported(path: string, value: unknown, supported: readonly string[]): string {
  const list = supported.map(quoted).join(', ');
  return `${path}: Unsupported value: ${printed(value)}: supported values: ${list}`;
}

/** The value stands in the list a second time; `path` is that of the second. */
export function duplicate(path: string, value: unknown): string {
  return `${path}: Duplicate value: ${printed(value)}`;
}

/** The text is longer than `bytesMax` bytes of UTF-8. The value itself is not shown. */
export function tooLong(path: string, bytesMax: number): string {
  return `${path}: Too long: may not be more than ${bytesMax} bytes`;
}

export type SchemaType = 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'null';

/** The type of a JSON value in the words of a schema. */
export function schemaTypeOf(value: unknown): SchemaType {
  if (value === undefined || value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  if (typeof value === 'string' || typeof value === 'boolean') return typeof value as SchemaType;
  return 'object';
}

/** The value has another JSON type than the schema of the kind states. */
export function wrongType(path: string, value: unknown, wanted: SchemaType): string {
  const found = schemaTypeOf(value);
  return `${path}: Invalid value: "${found}": ${path} in body must be of type ${wanted}: "${found}"`;
}

/** The kind has no such field; kubectl's strict field validation says it so. */
export function unknownField(path: string): string {
  return `strict decoding error: unknown field ${quoted(path)}`;
}

/**
 * All errors of one object as one text: a single one as it is, several as `[a, b]` without repetitions, at
 * most LIMITS.reasonsMax of them and then their number. `errors` is not empty.
 */
export function aggregated(errors: readonly string[]): string {
  const distinct = [...new Set(errors)];
  if (distinct.length === 1) return distinct[0]!;
  const rest = distinct.length - LIMITS.reasonsMax;
  if (rest > 0) distinct.splice(LIMITS.reasonsMax, rest, `and ${rest} more`);
  return `[${distinct.join(', ')}]`;
}
