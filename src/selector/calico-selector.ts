/**
 * Calico's selector language (reference/calico.md 1.7): `zone == 'east' && !has(spare)`. The parser is a
 * recursive descent over the tokens, one function per precedence level.
 */
import type { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import {
  type CalicoExpression,
  formatExpression,
  requirementsOf,
  type TextOperator,
} from './calico-expression.ts';
import { selectorError, type Token, type TokenKind, tokensOf } from './calico-lexer.ts';
import { clipped } from './labels.ts';
import type { Selector } from './selector.ts';

const TEXT_OPERATORS: ReadonlyMap<TokenKind, TextOperator> = new Map([
  ['TokEq', '=='],
  ['TokNe', '!='],
  ['TokContains', 'contains'],
  ['TokStartsWith', 'starts with'],
  ['TokEndsWith', 'ends with'],
]);
const SET_OPERATORS: ReadonlyMap<TokenKind, 'in' | 'not in'> = new Map([
  ['TokIn', 'in'],
  ['TokNotIn', 'not in'],
]);
/** Tokens printed when there are too many. */
const TOKENS_SHOWN_MAX = 10;

/**
 * Reads a selector text. The empty text selects everything, as all() does; global() is taken and selects
 * everything (pools refuse it, reference/calico.md 1.3). What an AND of requirements can say becomes
 * requirements, anything else an expression; the text of the result is Calico's canonical form.
 * Throws OBJECT_INVALID with Calico's message, and the place of the fault in the details; also for texts
 * above LIMITS.selectorCharsMax and parentheses deeper than LIMITS.selectorDepthMax.
 */
export function parseCalicoSelector(text: string): Selector {
  if (text.length > LIMITS.selectorCharsMax) {
    const message = `selector is too long: ${text.length} characters, the limit is ${LIMITS.selectorCharsMax}`;
    throw selectorError(message, text, LIMITS.selectorCharsMax);
  }
  const expression = new Parser(text).parse();
  const canonical = formatExpression(expression);
  const requirements = requirementsOf(expression);
  return requirements === undefined
    ? { kind: 'expression', expression, text: canonical }
    : { kind: 'requirements', requirements, text: canonical };
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  parse(): CalicoExpression {
    if (this.#token().kind === 'TokEOF') return { kind: 'all' };
    const expression = this.#or();
    if (this.#token().kind !== 'TokEOF') {
      const rest = this.#tokens.slice(this.#next);
      const shown = rest.slice(0, TOKENS_SHOWN_MAX).map(tokenText);
      if (rest.length > shown.length) shown.push('…');
      throw this.#error(`unexpected content at end of selector [${shown.join(' ')}]`);
    }
    return expression;
  }

  /** The token `ahead` places further on; TokEOF from the end on. */
  #token(ahead = 0): Token {
    return this.#tokens[this.#next + ahead] ?? this.#tokens.at(-1)!;
  }

  #error(message: string, token = this.#token()): OrbweaverError {
    return selectorError(message, this.#text, token.at);
  }

  #take(kind: TokenKind): boolean {
    if (this.#token().kind !== kind) return false;
    this.#next += 1;
    return true;
  }

  #or(): CalicoExpression {
    const operands = [this.#and()];
    while (this.#take('TokOr')) operands.push(this.#and());
    return operands.length === 1 ? operands[0]! : { kind: 'or', operands };
  }

  #and(): CalicoExpression {
    const operands = [this.#operation()];
    while (this.#take('TokAnd')) operands.push(this.#operation());
    return operands.length === 1 ? operands[0]! : { kind: 'and', operands };
  }

  #operation(): CalicoExpression {
    let negated = false;
    while (this.#take('TokNot')) negated = !negated;
    const operand = this.#primary();
    if (!negated) return operand;
    // Two negations around parentheses cancel out too, so that the canonical text stays as it is when read.
    return operand.kind === 'not' ? operand.operand : { kind: 'not', operand };
  }

  #primary(): CalicoExpression {
    const token = this.#token();
    switch (token.kind) {
      case 'TokHas':
        this.#next += 1;
        return { kind: 'has', key: token.value };
      case 'TokAll':
        this.#next += 1;
        return { kind: 'all' };
      case 'TokGlobal':
        this.#next += 1;
        return { kind: 'global' };
      case 'TokLabel':
        return this.#comparison(token.value);
      case 'TokLParen':
        return this.#parenthesised();
      default:
        throw this.#error(`unexpected token: ${tokenText(token)}`);
    }
  }

  #parenthesised(): CalicoExpression {
    if (this.#depth === LIMITS.selectorDepthMax) {
      throw this.#error(`selector is nested deeper than ${LIMITS.selectorDepthMax} parentheses`);
    }
    this.#next += 1;
    this.#depth += 1;
    const expression = this.#or();
    this.#depth -= 1;
    if (!this.#take('TokRParen')) throw this.#error('expected )');
    return expression;
  }

  /** `key operator value`; the present token is the key. */
  #comparison(key: string): CalicoExpression {
    const operator = this.#token(1);
    // Calico counts the end as a token: a key needs two more.
    if (operator.kind === 'TokEOF') {
      throw this.#error('unexpected end of string looking for op', operator);
    }
    const textOperator = TEXT_OPERATORS.get(operator.kind);
    const setOperator = SET_OPERATORS.get(operator.kind);
    if (textOperator === undefined && setOperator === undefined) {
      throw this.#error(`expected == or != not: ${tokenText(operator)}`, operator);
    }
    this.#next += 2;
    if (setOperator !== undefined) {
      return { kind: 'set', key, operator: setOperator, values: this.#set() };
    }
    const value = this.#token();
    if (!this.#take('TokStringLiteral')) throw this.#error('expected string');
    return { kind: 'text', key, operator: textOperator!, value: value.value };
  }

  /** `{ "a", "b", }`: sorted, without repetitions. */
  #set(): string[] {
    if (!this.#take('TokLBrace')) throw this.#error('expected set literal');
    const values = new Set<string>();
    let value = this.#token();
    while (this.#take('TokStringLiteral')) {
      values.add(value.value);
      if (!this.#take('TokComma')) break;
      value = this.#token();
    }
    if (!this.#take('TokRBrace')) throw this.#error('expected }');
    return [...values].sort();
  }
}

/** A token as Calico prints it: kind and value, `TokLabel(a)`, `TokEOF()`. */
function tokenText(token: Token): string {
  return `${token.kind}(${clipped(token.value)})`;
}
