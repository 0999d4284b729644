/**
 * JSON read as Go's encoding/json reads it, because the texts that pods show come from there: keys match
 * whatever their case, unknown keys are allowed, null leaves a field unset, and faults are told in Go's words
 * (reference/spiderpool.md 3.1 and 3.3).
 */

/** What a value has to be. `struct` carries Go's type name, which the texts print. */
export type GoShape =
  | { readonly kind: 'string' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'list'; readonly of: GoShape; readonly type?: string }
  | { readonly kind: 'struct'; readonly name: string; readonly fields: GoFields };

export type GoFields = Readonly<Record<string, GoShape>>;

/** A JSON object's fields under their proper spelling, and the keys that no field has. */
export interface GoStruct {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly unknown: readonly string[];
}

export type GoOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: string };

/**
 * Reads `text` as `shape`: a struct comes back as GoStruct, a list as an array, an unset value as undefined.
 * Otherwise `fault` says in Go's words what is wrong first.
 */
export function readGoJson(text: string, shape: GoShape): GoOutcome {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { ok: false, fault: syntaxFault(text) };
  }
  const faults: string[] = [];
  const value = convert(parsed, shape, '', faults);
  const fault = faults[0];
  return fault === undefined ? { ok: true, value } : { ok: false, fault };
}

function convert(value: unknown, shape: GoShape, field: string, faults: string[]): unknown {
  if (value === null) return undefined;
  switch (shape.kind) {
    case 'string':
      if (typeof value === 'string') return value;
      break;
    case 'bool':
      if (typeof value === 'boolean') return value;
      break;
    case 'list':
      if (Array.isArray(value)) return value.map((item) => convert(item, shape.of, field, faults));
      break;
    case 'struct':
      if (typeof value === 'object' && !Array.isArray(value))
        return convertStruct(value, shape, faults);
  }
  // Go goes on after a value of the wrong type and reports the first one.
  if (faults.length === 0) faults.push(typeFault(value, shape, field));
  return undefined;
}

function convertStruct(
  value: object,
  shape: Extract<GoShape, { kind: 'struct' }>,
  faults: string[],
): GoStruct {
  const fields: Record<string, unknown> = {};
  const unknown: string[] = [];
  for (const [key, item] of Object.entries(value)) {
    const known = Object.hasOwn(shape.fields, key) ? key : key.toLowerCase();
    const expected = Object.hasOwn(shape.fields, known) ? shape.fields[known] : undefined;
    if (expected === undefined) {
      unknown.push(key);
      continue;
    }
    const converted = convert(item, expected, `${shape.name}.${known}`, faults);
    if (converted !== undefined) fields[known] = converted;
  }
  return { fields, unknown };
}

function typeFault(value: unknown, shape: GoShape, field: string): string {
  const where = field === '' ? 'value' : `struct field ${field}`;
  return `json: cannot unmarshal ${jsonKind(value)} into Go ${where} of type ${goType(shape)}`;
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function goType(shape: GoShape): string {
  if (shape.kind === 'struct') return `types.${shape.name}`;
  if (shape.kind === 'list') return shape.type ?? `[]${goType(shape.of)}`;
  return shape.kind;
}

const END = 'unexpected end of JSON input';
const SPACE = /[ \t\r\n]*/y;
const HEX = /^[0-9a-fA-F]$/;
const DIGIT = /^[0-9]$/;

/** Thrown inside this file only: the text of the first syntax fault. */
class SyntaxFault extends Error {}

/** Where JSON goes wrong first, in Go's words. For texts that JSON.parse refuses. */
function syntaxFault(text: string): string {
  try {
    scan(new Cursor(text));
  } catch (error) {
    if (error instanceof SyntaxFault) return error.message;
    throw error;
  }
  return 'invalid JSON';
}

class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The character after any blanks, or an empty text at the end. It stays unread. */
  peek(): string {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
    return this.#here();
  }

  /** Reads one character, blanks included; the end of the text is a fault. */
  next(): string {
    const character = this.#here();
    if (character === '') throw new SyntaxFault(END);
    this.at += character.length;
    return character;
  }

  /** Reads characters while they match. */
  skip(pattern: RegExp): void {
    while (pattern.test(this.#here())) this.at += 1;
  }

  fault(character: string, where: string): SyntaxFault {
    if (character === '') return new SyntaxFault(END);
    return new SyntaxFault(`invalid character ${quoted(character)} ${where}`);
  }

  #here(): string {
    const point = this.text.codePointAt(this.at);
    return point === undefined ? '' : String.fromCodePoint(point);
  }
}

/** A character as Go quotes it: control characters and the single quote escaped. */
function quoted(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}

/** Walks the text value by value. A stack instead of recursion, so that deep nesting cannot exhaust it. */
function scan(cursor: Cursor): void {
  const open: ('{' | '[')[] = [];
  let expecting: 'value' | 'value or end' | 'key' | 'key or end' = 'value';
  while (true) {
    const character = cursor.peek();
    if (expecting === 'key' || expecting === 'key or end') {
      if (!(expecting === 'key or end' && character === '}')) {
        scanKey(cursor, character);
        expecting = 'value';
        continue;
      }
    } else if (character === '{' || character === '[') {
      cursor.next();
      open.push(character);
      expecting = character === '{' ? 'key or end' : 'value or end';
      continue;
    } else if (!(expecting === 'value or end' && character === ']')) {
      scanScalar(cursor, character);
    }
    if (!closeOrContinue(cursor, open)) return;
    expecting = open.at(-1) === '{' ? 'key' : 'value';
  }
}

function scanKey(cursor: Cursor, character: string): void {
  if (character !== '"')
    throw cursor.fault(character, 'looking for beginning of object key string');
  cursor.next();
  scanString(cursor);
  const colon = cursor.peek();
  if (colon !== ':') throw cursor.fault(colon, 'after object key');
  cursor.next();
}

/** After a value: reads closing brackets up to a comma. False at the end of the text. */
function closeOrContinue(cursor: Cursor, open: ('{' | '[')[]): boolean {
  while (true) {
    const character = cursor.peek();
    const inside = open.at(-1);
    if (inside === undefined) {
      if (character === '') return false;
      throw cursor.fault(character, 'after top-level value');
    }
    if (character === (inside === '{' ? '}' : ']')) {
      cursor.next();
      open.pop();
      continue;
    }
    const where = inside === '{' ? 'after object key:value pair' : 'after array element';
    if (character !== ',') throw cursor.fault(character, where);
    cursor.next();
    return true;
  }
}

function scanScalar(cursor: Cursor, character: string): void {
  if (character === '"') {
    cursor.next();
    scanString(cursor);
  } else if (character === 't') scanLiteral(cursor, 'true');
  else if (character === 'f') scanLiteral(cursor, 'false');
  else if (character === 'n') scanLiteral(cursor, 'null');
  else if (character === '-' || DIGIT.test(character)) scanNumber(cursor);
  else throw cursor.fault(character, 'looking for beginning of value');
}

function scanLiteral(cursor: Cursor, literal: string): void {
  for (const expected of literal) {
    const character = cursor.next();
    if (character !== expected) {
      throw cursor.fault(character, `in literal ${literal} (expecting '${expected}')`);
    }
  }
}

function scanString(cursor: Cursor): void {
  while (true) {
    const character = cursor.next();
    if (character === '"') return;
    if (character < ' ') throw cursor.fault(character, 'in string literal');
    if (character === '\\') scanEscape(cursor);
  }
}

function scanEscape(cursor: Cursor): void {
  const character = cursor.next();
  if (character === 'u') {
    for (let digit = 0; digit < 4; digit += 1) {
      const hex = cursor.next();
      if (!HEX.test(hex)) throw cursor.fault(hex, 'in \\u hexadecimal character escape');
    }
  } else if (!'"\\/bfnrt'.includes(character)) {
    throw cursor.fault(character, 'in string escape code');
  }
}

function scanNumber(cursor: Cursor): void {
  let character = cursor.next();
  if (character === '-') {
    character = cursor.next();
    if (!DIGIT.test(character)) throw cursor.fault(character, 'in numeric literal');
  }
  if (character !== '0') cursor.skip(DIGIT);
  if (cursor.text[cursor.at] === '.') {
    cursor.next();
    character = cursor.next();
    if (!DIGIT.test(character)) {
      throw cursor.fault(character, 'after decimal point in numeric literal');
    }
    cursor.skip(DIGIT);
  }
  if (cursor.text[cursor.at] === 'e' || cursor.text[cursor.at] === 'E') {
    cursor.next();
    character = cursor.next();
    if (character === '+' || character === '-') character = cursor.next();
    if (!DIGIT.test(character)) throw cursor.fault(character, 'in exponent of numeric literal');
    cursor.skip(DIGIT);
  }
}
