/**
 * Events on pools that are nearly exhausted, exhausted, and relieved again. Told when that changes, so a pool
 * that stays full is named once; what is free leaves reserved addresses out.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Family } from '../net/address.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { Herald } from './herald.ts';

type Level = 'ample' | 'near' | 'full';

export class PoolAlarm {
  readonly #herald: Pick<Herald, 'say'>;
  readonly #reserved: (family: Family) => RangeSet;
  readonly #levels = new Map<string, Level>();

  constructor(herald: Pick<Herald, 'say'>, reserved: (family: Family) => RangeSet) {
    this.#herald = herald;
    this.#reserved = reserved;
  }

  /** `key` stands for the pool; `held` addresses are in use. */
  look(key: string, object: KubeObject, pool: Pool, held: number): void {
    const total = pool.ranges.size() - pool.ranges.intersect(this.#reserved(pool.family)).size();
    const before = this.#levels.get(key) ?? 'ample';
    const level = levelOf(before, BigInt(held), total);
    this.#levels.set(key, level);
    if (level === before) {
      return;
    }
    const share = `${held} of ${total} addresses are in use`;
    if (level === 'full') {
      this.#herald.say({
        object,
        type: 'Warning',
        reason: 'PoolExhausted',
        message: `no address is free: ${share}`,
      });
    } else if (level === 'near') {
      this.#herald.say({
        object,
        type: before === 'full' ? 'Normal' : 'Warning',
        reason: before === 'full' ? 'PoolNoLongerExhausted' : 'PoolNearlyExhausted',
        message: share,
      });
    } else {
      this.#herald.say({ object, type: 'Normal', reason: 'PoolRelieved', message: share });
    }
  }

  /** The pool is gone. */
  forget(key: string): void {
    this.#levels.delete(key);
  }
}

/** Between the two percentages a pool stays what it was, so that one pod does not ring twice. */
function levelOf(before: Level, held: bigint, total: bigint): Level {
  if (total === 0n) {
    return 'ample';
  }
  if (held >= total) {
    return 'full';
  }
  const percent = (held * 100n) / total;
  if (percent >= BigInt(LIMITS.poolNearlyFullPercent)) {
    return 'near';
  }
  return before !== 'ample' && percent >= BigInt(LIMITS.poolRelievedPercent) ? 'near' : 'ample';
}
