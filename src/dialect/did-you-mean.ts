/**
 * What somebody probably meant to write.
 */

/** Words this far from every known one are not taken for a slip of the finger. */
const EDITS_MAX = 3;

/**
 * The known word with the fewest edits (a letter added, dropped, changed, or two neighbours swapped) from
 * `word`, whatever the case; at most 3 edits and fewer than half of the word's letters. Undefined where none
 * is near; the first of `known` where several are.
 */
export function closestWord(word: string, known: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestEdits = Math.min(EDITS_MAX, Math.ceil(word.length / 2) - 1) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= bestEdits) continue;
    const edits = editsBetween(lower, candidate.toLowerCase());
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** Edit distance with swaps of neighbours (optimal string alignment), three rows at a time. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let edits = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, before[j - 2]! + 1);
      }
      row.push(edits);
    }
    before = above;
    above = row;
  }
  return above[b.length]!;
}
