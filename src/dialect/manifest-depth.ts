/**
 * How deep a YAML text nests, told from its tokens in one pass. The parser needs time that grows with the square
 * of the depth, and a stack; so a text that nests deeper than any manifest is refused before it is parsed.
 */
import { Lexer } from 'yaml';

/** Tokens of no width that the lexer puts in: the start of a document's content, and of a plain scalar. */
const MARKS = new Set(['\u0002', '\u001f', '\u0018', '\ufeff']);
const OPENERS = new Set(['[', '{']);
const CLOSERS = new Set([']', '}']);
const BLOCK_ENTRIES = new Set(['-', '?']);

/** Collections that are open at one place of the text. */
class OpenCollections {
  /** Columns of block collections, each further right than the one before. */
  readonly #columns: number[] = [];
  #flow = 0;

  get depth(): number {
    return this.#columns.length + this.#flow;
  }

  get inFlow(): boolean {
    return this.#flow > 0;
  }

  openFlow(): void {
    this.#flow += 1;
  }

  closeFlow(): void {
    this.#flow = Math.max(this.#flow - 1, 0);
  }

  /** An entry of a block collection at this column; collections further right have ended. */
  entryAt(column: number): void {
    while (this.#columns.length > 0 && this.#columns.at(-1)! >= column) {
      this.#columns.pop();
    }
    this.#columns.push(column);
  }

  clear(): void {
    this.#columns.length = 0;
    this.#flow = 0;
  }
}

/**
 * The line, from 1, at which more than `depthMax` collections are open; undefined where that never happens. A
 * list in the column of the key that holds it is not counted, so the true depth may be up to twice that.
 */
export function lineNestedDeeper(text: string, depthMax: number): number | undefined {
  const open = new OpenCollections();
  let line = 1;
  let column = 0;
  let keyColumn = 0;
  for (const token of new Lexer().lex(text)) {
    if (OPENERS.has(token)) {
      open.openFlow();
    } else if (CLOSERS.has(token)) {
      open.closeFlow();
    } else if (token === '---' || token === '...') {
      open.clear();
    } else if (!open.inFlow && BLOCK_ENTRIES.has(token)) {
      open.entryAt(column);
    } else if (!open.inFlow && token === ':') {
      open.entryAt(keyColumn);
    } else if (!/^\s/.test(token) && !MARKS.has(token)) {
      keyColumn = column;
    }
    if (open.depth > depthMax) {
      return line;
    }
    if (!MARKS.has(token)) {
      const lastBreak = token.lastIndexOf('\n');
      column = lastBreak < 0 ? column + token.length : token.length - lastBreak - 1;
      line += lastBreak < 0 ? 0 : token.split('\n').length - 1;
    }
  }
  return undefined;
}
