/**
 * Inclusive address intervals with a value each, overlapping or not, in a treap: a search tree by first
 * address that stays balanced by pseudo-random priorities and knows the highest last address below each
 * node. Adding, removing and "first interval that shares an address with …" cost O(log n).
 *
 * An interval points into a range list that its owner keeps anyway (8 words a range, net/range-set.ts), so
 * the index holds no copy of an address.
 */

/** Where an interval's 8 words are: first[4], last[4], at `offset` of `words`. */
interface Node<T> {
  readonly words: Uint32Array;
  readonly offset: number;
  readonly value: T;
  readonly priority: number;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
  /** The node of this subtree whose last address is highest. */
  reach: Node<T>;
}

const WORDS_PER_RANGE = 8;
const LAST = 4;

/** Compares four words; negative, 0 or positive as the left address is lower, equal or higher. */
function compareWords(a: Uint32Array, i: number, b: Uint32Array, j: number): number {
  return a[i]! - b[j]! || a[i + 1]! - b[j + 1]! || a[i + 2]! - b[j + 2]! || a[i + 3]! - b[j + 3]!;
}

/** Intervals with a value each; see the head of this file. */
export class IntervalIndex<T> {
  #root: Node<T> | undefined;
  #size = 0;
  #random = 0x9e3779b9;

  /** Intervals kept. */
  get size(): number {
    return this.#size;
  }

  /** Keeps every range of a range list under one value. The words must not change while they are kept. */
  add(words: Uint32Array, value: T): void {
    for (let offset = 0; offset < words.length; offset += WORDS_PER_RANGE) {
      this.#root = insert(this.#root, this.#node(words, offset, value));
      this.#size += 1;
    }
  }

  /** Forgets every range of a range list that is kept under this value. */
  remove(words: Uint32Array, value: T): void {
    for (let offset = 0; offset < words.length; offset += WORDS_PER_RANGE) {
      const outcome = { found: false };
      this.#root = remove(this.#root, words, offset, value, outcome);
      if (outcome.found) this.#size -= 1;
    }
  }

  /**
   * The values whose interval shares an address with a range of the list, by range, then in address order.
   * A value comes once for each pair of intervals that meet. The index must not change meanwhile.
   */
  *overlapping(words: Uint32Array): Generator<T> {
    for (let offset = 0; offset < words.length; offset += WORDS_PER_RANGE) {
      yield* meeting(this.#root, words, offset);
    }
  }

  #node(words: Uint32Array, offset: number, value: T): Node<T> {
    // xorshift32: any sequence without pattern keeps the tree shallow, and a fixed one repeats in tests.
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    const priority = this.#random >>> 0;
    const node = { words, offset, value, priority, left: undefined, right: undefined };
    return Object.assign(node, { reach: node as unknown as Node<T> });
  }
}

function* meeting<T>(root: Node<T> | undefined, words: Uint32Array, at: number): Generator<T> {
  const path: Node<T>[] = [];
  let node = root;
  while (true) {
    // A subtree whose highest last address lies before the range holds nothing that meets it.
    while (node !== undefined && reaches(node, words, at)) {
      path.push(node);
      node = node.left;
    }
    node = path.pop();
    if (node === undefined) return;
    // In address order every further interval begins later still.
    if (compareWords(node.words, node.offset, words, at + LAST) > 0) return;
    if (compareWords(node.words, node.offset + LAST, words, at) >= 0) yield node.value;
    node = node.right;
  }
}

function reaches<T>(node: Node<T>, words: Uint32Array, at: number): boolean {
  return compareWords(node.reach.words, node.reach.offset + LAST, words, at) >= 0;
}

/** Recomputes `reach` from the node itself and its children. */
function refresh<T>(node: Node<T>): Node<T> {
  let reach = node;
  for (const child of [node.left, node.right]) {
    if (child === undefined) continue;
    const other = child.reach;
    if (compareWords(other.words, other.offset + LAST, reach.words, reach.offset + LAST) > 0) {
      reach = other;
    }
  }
  node.reach = reach;
  return node;
}

function insert<T>(root: Node<T> | undefined, node: Node<T>): Node<T> {
  if (root === undefined) return node;
  if (node.priority > root.priority) {
    const [left, right] = split(root, node.words, node.offset);
    node.left = left;
    node.right = right;
    return refresh(node);
  }
  if (compareWords(node.words, node.offset, root.words, root.offset) < 0) {
    root.left = insert(root.left, node);
  } else {
    root.right = insert(root.right, node);
  }
  return refresh(root);
}

type Halves<T> = [Node<T> | undefined, Node<T> | undefined];

/** Parts a tree into the intervals that begin at or before an address, and those that begin after it. */
function split<T>(root: Node<T> | undefined, words: Uint32Array, offset: number): Halves<T> {
  if (root === undefined) return [undefined, undefined];
  if (compareWords(root.words, root.offset, words, offset) <= 0) {
    const [left, right] = split(root.right, words, offset);
    root.right = left;
    return [refresh(root), right];
  }
  const [left, right] = split(root.left, words, offset);
  root.left = right;
  return [left, refresh(root)];
}

function join<T>(left: Node<T> | undefined, right: Node<T> | undefined): Node<T> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = join(left.right, right);
    return refresh(left);
  }
  right.left = join(left, right.left);
  return refresh(right);
}

function remove<T>(
  root: Node<T> | undefined,
  words: Uint32Array,
  offset: number,
  value: T,
  outcome: { found: boolean },
): Node<T> | undefined {
  if (root === undefined || outcome.found) return root;
  const order = compareWords(words, offset, root.words, root.offset);
  if (order === 0 && root.value === value && sameLast(root, words, offset)) {
    outcome.found = true;
    return join(root.left, root.right);
  }
  // Intervals that begin at the same address may stand on either side after rotations.
  if (order <= 0) root.left = remove(root.left, words, offset, value, outcome);
  if (order >= 0) root.right = remove(root.right, words, offset, value, outcome);
  return refresh(root);
}

function sameLast<T>(node: Node<T>, words: Uint32Array, offset: number): boolean {
  return compareWords(node.words, node.offset + LAST, words, offset + LAST) === 0;
}
