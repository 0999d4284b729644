/**
 * Calico's selector text as tokens. Kinds bear Calico's own names, because its error texts print them.
 * One deliberate difference: a control character inside a string is refused (Calico takes it, although no
 * label can hold one).
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { quoted } from './field-error.ts';
import { clipped } from './labels.ts';

export type TokenKind =
  | 'TokLabel'
  | 'TokStringLiteral'
  | 'TokLBrace'
  | 'TokRBrace'
  | 'TokComma'
  | 'TokEq'
  | 'TokNe'
  | 'TokIn'
  | 'TokNot'
  | 'TokNotIn'
  | 'TokContains'
  | 'TokStartsWith'
  | 'TokEndsWith'
  | 'TokAll'
  | 'TokHas'
  | 'TokLParen'
  | 'TokRParen'
  | 'TokAnd'
  | 'TokOr'
  | 'TokGlobal'
  | 'TokEOF';

export interface Token {
  readonly kind: TokenKind;
  /** The label of TokLabel and TokHas, the content of TokStringLiteral, else empty. */
  readonly value: string;
  /** Where the token begins in the text, 0-based. */
  readonly at: number;
}

/** Longest label key of the language, in characters (reference/calico.md 1.7). */
const LABEL_CHARS_MAX = 512;

const SINGLE: ReadonlyMap<string, TokenKind> = new Map([
  ['(', 'TokLParen'],
  [')', 'TokRParen'],
  ['{', 'TokLBrace'],
  ['}', 'TokRBrace'],
  [',', 'TokComma'],
]);
/** Operators that are words, in the order they are tried in. */
const WORD_OPERATORS: readonly { readonly words: readonly string[]; readonly kind: TokenKind }[] = [
  { words: ['contains'], kind: 'TokContains' },
  { words: ['starts', 'with'], kind: 'TokStartsWith' },
  { words: ['ends', 'with'], kind: 'TokEndsWith' },
  { words: ['not', 'in'], kind: 'TokNotIn' },
  { words: ['in'], kind: 'TokIn' },
];
const CONTROL = /\p{Cc}/u;

/**
 * The error of a selector text: the message is Calico's, the details tell the place (`at` is 0-based, people
 * count from 1) and what stands there.
 */
export function selectorError(message: string, text: string, at: number): OrbweaverError {
  const code = text.codePointAt(at);
  const place =
    code === undefined
      ? 'at the end of the selector'
      : `at character ${at + 1} of the selector: ${characterText(code)}`;
  return new OrbweaverError('OBJECT_INVALID', message, place);
}

function characterText(code: number): string {
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return code > 0x20 && code < 0x7f ? quoted(String.fromCodePoint(code)) : name;
}

/** All tokens of the text; the last is TokEOF. Throws OBJECT_INVALID. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = skipBlanks(text, 0);
  while (at < text.length) {
    const { token, end } = tokenAt(text, at, tokens.at(-1));
    tokens.push(token);
    at = skipBlanks(text, end);
  }
  tokens.push({ kind: 'TokEOF', value: '', at: text.length });
  return tokens;
}

interface Read {
  readonly token: Token;
  /** The first character after the token. */
  readonly end: number;
}

function read(kind: TokenKind, at: number, end: number, value = ''): Read {
  return { token: { kind, value, at }, end };
}

function tokenAt(text: string, at: number, last: Token | undefined): Read {
  const char = text[at]!;
  const single = SINGLE.get(char);
  if (single !== undefined) return read(single, at, at + 1);
  switch (char) {
    case '"':
    case "'":
      return stringAt(text, at, char);
    case '!':
      return text[at + 1] === '=' ? read('TokNe', at, at + 2) : read('TokNot', at, at + 1);
    case '=':
      return doubledAt(text, at, 'TokEq');
    case '&':
      return doubledAt(text, at, 'TokAnd');
    case '|':
      return doubledAt(text, at, 'TokOr');
    default:
      return last?.kind === 'TokLabel' ? operatorAt(text, at, last.value) : operandAt(text, at);
  }
}

function doubledAt(text: string, at: number, kind: TokenKind): Read {
  const char = text[at]!;
  if (text[at + 1] !== char) throw selectorError(`expected ${char}${char}`, text, at);
  return read(kind, at, at + 2);
}

function stringAt(text: string, at: number, quote: string): Read {
  const end = text.indexOf(quote, at + 1);
  if (end < 0) throw selectorError('unterminated string', text, at);
  const value = text.slice(at + 1, end);
  const control = value.search(CONTROL);
  if (control >= 0) throw selectorError('control character in string', text, at + 1 + control);
  return read('TokStringLiteral', at, end + 1, value);
}

/** A word operator, which must not run on into further characters of a key. */
function operatorAt(text: string, at: number, label: string): Read {
  for (const { words, kind } of WORD_OPERATORS) {
    const end = endOfWords(text, at, words);
    if (end !== undefined) return read(kind, at, end);
  }
  throw selectorError(`expected operator after label "${label}"`, text, at);
}

/** Where the words end, or undefined if they do not stand there. Blanks between two words may be missing. */
function endOfWords(text: string, at: number, words: readonly string[]): number | undefined {
  let end = at;
  for (const word of words) {
    if (!text.startsWith(word, end)) return undefined;
    end += word.length;
    // After two words Calico looks for the break behind the blanks: `a not in b` is no operator.
    if (words.length > 1) end = skipBlanks(text, end);
  }
  return end < text.length && isKeyCode(text.charCodeAt(end)) ? undefined : end;
}

/** A key, has(key), all() or global(). The parenthesis must follow the word immediately. */
function operandAt(text: string, at: number): Read {
  if (text.startsWith('has(', at)) {
    const start = skipBlanks(text, at + 'has('.length);
    const key = keyAt(text, start);
    return read('TokHas', at, closingAt(text, start + key.length, 'has('), key);
  }
  if (text.startsWith('all(', at)) {
    return read('TokAll', at, closingAt(text, at + 'all('.length, 'all('));
  }
  if (text.startsWith('global(', at)) {
    return read('TokGlobal', at, closingAt(text, at + 'global('.length, 'global('));
  }
  const key = keyAt(text, at);
  return read('TokLabel', at, at + key.length, key);
}

function closingAt(text: string, at: number, opening: string): number {
  const end = skipBlanks(text, at);
  if (text[end] !== ')') throw selectorError(`no closing ')' after ${opening}`, text, end);
  return end + 1;
}

function keyAt(text: string, at: number): string {
  let end = at;
  while (end < text.length && isKeyCode(text.charCodeAt(end))) end += 1;
  if (end === at) throw selectorError('expected identifier', text, at);
  const key = text.slice(at, end);
  if (key.length > LABEL_CHARS_MAX) {
    throw selectorError(`label too long: ${clipped(key)}`, text, at);
  }
  return key;
}

/** Letters, digits, `_`, `.`, `/` and `-`. */
function isKeyCode(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 45 && code <= 57) ||
    code === 95
  );
}

/** Blanks are spaces and tabs, nothing else. */
function skipBlanks(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ' || text[at] === '\t') at += 1;
  return at;
}
