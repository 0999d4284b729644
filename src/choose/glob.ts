/**
 * Wildcards in pool names: Go's filepath.Match (reference/spiderpool.md 3.4), as on Linux.
 *
 * `*` is any run of characters other than `/`, `?` one of them, `[a-c]` and `[^a-c]` one out of a
 * set (sets may hold `/`), and `\` takes the next character as it is.
 */

type Token =
  | { readonly kind: 'character'; readonly character: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'run' }
  | { readonly kind: 'set'; readonly negated: boolean; readonly spans: readonly Span[] };

/** Both ends inclusive. */
interface Span {
  readonly low: string;
  readonly high: string;
}

/**
 * True for a name that is a pattern: it holds `*`, `?`, or both `[` and `]`
 * (reference/spiderpool.md 3.4).
 */
export function isPattern(name: string): boolean {
  return name.includes('*') || name.includes('?') || (name.includes('[') && name.includes(']'));
}

/**
 * Reads a pattern. Returns a test for whole names, or undefined for a malformed pattern: an open or
 * empty set, a span without an end, or a `\` that nothing follows.
 */
export function parseGlob(pattern: string): ((name: string) => boolean) | undefined {
  const tokens: Token[] = [];
  const characters = [...pattern];
  let at = 0;
  while (at < characters.length) {
    const character = characters[at]!;
    if (character === '[') {
      const set = parseSet(characters, at + 1);
      if (set === undefined) {
        return undefined;
      }
      tokens.push(set.token);
      at = set.next;
      continue;
    }
    if (character === '\\') {
      at += 1;
      if (at === characters.length) {
        return undefined;
      }
      tokens.push({ kind: 'character', character: characters[at]! });
    } else if (character === '*') {
      tokens.push({ kind: 'run' });
    } else {
      tokens.push(character === '?' ? { kind: 'one' } : { kind: 'character', character });
    }
    at += 1;
  }
  return (name) => matchesTokens(tokens, [...name]);
}

function parseSet(characters: readonly string[], start: number) {
  let at = start;
  const negated = characters[at] === '^';
  if (negated) {
    at += 1;
  }
  const spans: Span[] = [];
  for (;;) {
    if (characters[at] === ']' && spans.length > 0) {
      return { token: { kind: 'set', negated, spans } as const, next: at + 1 };
    }
    const low = parseSetMember(characters, at);
    if (low === undefined) {
      return undefined;
    }
    at = low.next;
    let high = low;
    if (characters[at] === '-') {
      const end = parseSetMember(characters, at + 1);
      if (end === undefined) {
        return undefined;
      }
      high = end;
      at = end.next;
    }
    spans.push({ low: low.character, high: high.character });
  }
}

function parseSetMember(characters: readonly string[], start: number) {
  const escaped = characters[start] === '\\';
  const at = escaped ? start + 1 : start;
  const character = characters[at];
  if (character === undefined || (!escaped && (character === '-' || character === ']'))) {
    return undefined;
  }
  return { character, next: at + 1 };
}

/** Steps back to the last run only: an earlier run need never take more than it did. */
function matchesTokens(tokens: readonly Token[], name: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let runToken = -1;
  let runAt = 0;
  while (at < name.length) {
    const current = tokens[token];
    if (current?.kind === 'run') {
      runToken = token;
      runAt = at;
      token += 1;
    } else if (current !== undefined && matchesOne(current, name[at]!)) {
      token += 1;
      at += 1;
    } else if (runToken >= 0 && name[runAt] !== '/') {
      runAt += 1;
      at = runAt;
      token = runToken + 1;
    } else {
      return false;
    }
  }
  return tokens.slice(token).every((rest) => rest.kind === 'run');
}

function matchesOne(token: Token, character: string): boolean {
  switch (token.kind) {
    case 'character':
      return token.character === character;
    case 'one':
      return character !== '/';
    case 'set': {
      const point = character.codePointAt(0)!;
      const inside = token.spans.some(
        (span) => span.low.codePointAt(0)! <= point && point <= span.high.codePointAt(0)!,
      );
      return inside !== token.negated;
    }
    case 'run':
      return false;
  }
}
