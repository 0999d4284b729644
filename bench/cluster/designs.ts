/** What every design beside ours has to do, and the work that all of them are given. */

/** A node's agent in one of the designs. */
export interface Claimant {
  /** Claims an address for a pod; the address. Rejects where the design gives up. */
  claim(pod: string): Promise<string>;
}

/** What came of many claims. */
export interface Outcome {
  readonly addresses: readonly string[];
  readonly failed: number;
  readonly totalMs: number;
  /** Milliseconds of each claim that succeeded, ascending. */
  readonly times: readonly number[];
}

/** Claims so many addresses, spread evenly over the agents, at most so many at once on each. */
export async function claimAll(
  claimants: readonly Claimant[],
  pods: readonly string[],
  atOnce: number,
): Promise<Outcome> {
  const addresses: string[] = [];
  const times: number[] = [];
  let failed = 0;
  const began = performance.now();
  await Promise.all(
    claimants.map((claimant, at) => {
      const own = pods.filter((_, index) => index % claimants.length === at);
      return inLanes(own, atOnce, async (pod) => {
        const start = performance.now();
        try {
          addresses.push(await claimant.claim(pod));
          times.push(performance.now() - start);
        } catch {
          failed += 1;
        }
      });
    }),
  );
  const totalMs = performance.now() - began;
  return { addresses, failed, totalMs, times: times.sort((a, b) => a - b) };
}

/** Runs `work` over the items in order, at most so many at once. */
export async function inLanes<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < items.length; at = next++) await work(items[at]!);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}

/** Claims that succeeded, per second. */
export function rateOf({ addresses, totalMs }: Outcome): number {
  return (addresses.length * 1_000) / totalMs;
}

/** Throws where an address was given twice. */
export function requireUnique({ addresses }: Outcome): void {
  if (new Set(addresses).size !== addresses.length) throw new Error('an address was given twice');
}
