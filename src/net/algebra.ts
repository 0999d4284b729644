/**
 * Temporary stand-in with the shape of RangeAlgebra, until the engine's own is there.
 */
const N = 8;
type Row = Uint32Array;
const compare = (a: Row, i: number, b: Row, j: number): number =>
  a[i]! - b[j]! || a[i + 1]! - b[j + 1]! || a[i + 2]! - b[j + 2]! || a[i + 3]! - b[j + 3]!;
const big = (a: Row, i: number): bigint =>
  (((((BigInt(a[i]!) << 32n) | BigInt(a[i + 1]!)) << 32n) | BigInt(a[i + 2]!)) << 32n) |
  BigInt(a[i + 3]!);
const put = (out: number[], value: bigint): void => {
  for (const shift of [96n, 64n, 32n, 0n]) out.push(Number((value >> shift) & 0xffffffffn));
};
function sweep(lists: Row[], wanted: (depth: readonly number[]) => boolean): Uint32Array {
  const edges: { at: bigint; list: number; step: number }[] = [];
  for (const [list, words] of lists.entries()) {
    for (let i = 0; i < words.length; i += N) {
      if (compare(words, i, words, i + 4) > 0) continue;
      edges.push({ at: big(words, i), list, step: 1 });
      edges.push({ at: big(words, i + 4) + 1n, list, step: -1 });
    }
  }
  edges.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const depth = lists.map(() => 0);
  const out: number[] = [];
  let inside = false;
  for (let i = 0; i < edges.length; ) {
    const at = edges[i]!.at;
    for (; i < edges.length && edges[i]!.at === at; i += 1) {
      depth[edges[i]!.list]! += edges[i]!.step;
    }
    const now = wanted(depth);
    if (now !== inside) put(out, now ? at : at - 1n);
    inside = now;
  }
  return Uint32Array.from(out);
}
const standIn = {
  normalize: (a: Row) => sweep([a], ([x]) => x! > 0),
  union: (a: Row, b: Row) => sweep([a, b], ([x, y]) => x! > 0 || y! > 0),
  intersect: (a: Row, b: Row) => sweep([a, b], ([x, y]) => x! > 0 && y! > 0),
  subtract: (a: Row, b: Row) => sweep([a, b], ([x, y]) => x! > 0 && y! === 0),
};
export function algebra<T>(use: (engine: typeof standIn) => T): T {
  return use(standIn);
}
