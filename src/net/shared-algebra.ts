/**
 * The one calculator that all range sets share.
 */
import { EngineLost } from '../engine/engine-lost.ts';
import { RangeAlgebra } from '../engine/range-algebra.ts';

let shared: RangeAlgebra | undefined;

/**
 * Runs `calculate` with the shared calculator, which is loaded at the first use. A calculator that trapped
 * is dropped and the calculation is made once more with a new one: it keeps no state, so nothing is missing.
 * Throws what `calculate` throws, and EngineLost where the second calculator traps too.
 */
export function withAlgebra<T>(calculate: (algebra: RangeAlgebra) => T): T {
  try {
    shared ??= RangeAlgebra.load();
    return calculate(shared);
  } catch (error) {
    if (!(error instanceof EngineLost)) throw error;
    shared = undefined;
  }
  const fresh = RangeAlgebra.load();
  const result = calculate(fresh);
  shared = fresh;
  return result;
}
