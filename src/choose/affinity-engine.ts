/**
 * What the catalogue needs of the engine: rows of bits over pools, and result registers. The
 * engine's façade satisfies it; tests run the same suite on a slow stand-in.
 */
export interface AffinityEngine {
  /** A new row whose every bit is `fill`, the bits of pools that come later included. */
  addRow(fill: 0 | 1): number;
  copyRow(row: number): number;
  /** `pool` is an engine handle. */
  setBit(row: number, pool: number, bit: 0 | 1): void;
  freeRow(row: number): void;
  /**
   * ANDs rows into a result register (0–15); no rows: all pools that exist. Returns the number of
   * pools.
   */
  intersectRows(rows: readonly number[], result: number): number;
  /** ANDs result registers into another one. Returns the number of pools. */
  intersectResults(results: readonly number[], into: number): number;
  resultHas(result: number, pool: number): boolean;
  /** Handles in ascending order. */
  resultPools(result: number): number[];
}
