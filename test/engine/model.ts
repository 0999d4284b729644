/**
 * The engine, slow and obvious: addresses are bigints, what is used and what rests are maps, a search tries
 * one address after the other.
 */

/** A range of addresses, both ends inclusive. */
export type Pair = readonly [bigint, bigint];

export type Words = readonly [number, number, number, number];

/** The address as the engine's callers write it. */
export function words(n: bigint): Words {
  return [Number(n >> 96n), part(n >> 64n), part(n >> 32n), part(n)];
}

function part(n: bigint): number {
  return Number(n & 0xffffffffn);
}

/** The bigint of an address. */
export function big(address: Words): bigint {
  return address.reduce((n, word) => (n << 32n) | BigInt(word), 0n);
}

/** A range list as the engine wants it: sorted and merged, eight words a range. */
export function listOf(pairs: readonly Pair[]): Uint32Array {
  return Uint32Array.from(normalized(pairs).flatMap(([a, b]) => [...words(a), ...words(b)]));
}

/** The ranges sorted and merged. */
export function normalized(pairs: readonly Pair[]): Pair[] {
  const merged: [bigint, bigint][] = [];
  for (const [first, last] of [...pairs].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))) {
    const open = merged.at(-1);
    if (open && first <= open[1] + 1n) {
      if (last > open[1]) open[1] = last;
    } else merged.push([first, last]);
  }
  return merged;
}

export class Model {
  readonly pools = new Map<number, Pair[]>();
  readonly used = new Set<bigint>();
  readonly resting = new Map<bigint, number>();
  tick = 0;

  /** The lowest handle that is free… as the engine gives it: last freed first, then a new one. */
  readonly #freed: number[] = [];

  addPool(pairs: readonly Pair[]): number {
    const handle = this.#freed.pop() ?? this.pools.size;
    this.pools.set(handle, normalized(pairs));
    return handle;
  }

  removePool(handle: number): void {
    this.pools.delete(handle);
    this.#freed.push(handle);
  }

  has(handle: number, address: bigint): boolean {
    return this.pools.get(handle)!.some(([first, last]) => first <= address && address <= last);
  }

  counts(handle: number): { total: number; used: number; resting: number } {
    const total = this.pools.get(handle)!.reduce((n, [a, b]) => n + b - a + 1n, 0n);
    const within = (all: Iterable<bigint>) => [...all].filter((a) => this.has(handle, a)).length;
    return {
      total: Number(total),
      used: within(this.used),
      resting: within(this.resting.keys()),
    };
  }

  isFree(address: bigint): boolean {
    return !this.used.has(address) && !this.resting.has(address);
  }

  claimWithin(handle: number, first: bigint, last: bigint): bigint | undefined {
    for (const [a, b] of this.pools.get(handle)!) {
      for (let n = a > first ? a : first; n <= b && n <= last; n++) {
        if (!this.isFree(n)) continue;
        this.used.add(n);
        return n;
      }
    }
    return undefined;
  }

  claimNext(handle: number, from: bigint | undefined): bigint | undefined {
    const top = (1n << 128n) - 1n;
    return this.claimWithin(handle, from ?? 0n, top) ?? this.claimWithin(handle, 0n, top);
  }

  /** When the pool's soonest rest ends, and all addresses whose rest ends then. */
  soonest(handle: number): { end: number; addresses: bigint[] } | undefined {
    const rests = [...this.resting].filter(([address]) => this.has(handle, address));
    if (rests.length === 0) return undefined;
    const end = Math.min(...rests.map(([, until]) => until));
    return { end, addresses: rests.filter(([, until]) => until === end).map(([a]) => a) };
  }

  claimAddress(address: bigint): 'claimed' | 'used' {
    if (this.used.has(address)) return 'used';
    this.resting.delete(address);
    this.used.add(address);
    return 'claimed';
  }

  rest(address: bigint, until: number): void {
    this.used.delete(address);
    this.resting.delete(address);
    if (until > this.tick) this.resting.set(address, until);
  }

  advance(tick: number): number {
    if (tick <= this.tick) return 0;
    this.tick = tick;
    const ended = [...this.resting].filter(([, until]) => until <= tick);
    for (const [address] of ended) this.resting.delete(address);
    return ended.length;
  }

  writeBlock(address: bigint, used: bigint): void {
    const base = address & ~63n;
    for (let slot = 0n; slot < 64n; slot++) {
      if ((used >> slot) & 1n) this.claimAddress(base + slot);
      else this.used.delete(base + slot);
    }
  }

  /** The used and the resting word of a block. */
  readBlock(address: bigint): { used: bigint; resting: bigint } {
    const base = address & ~63n;
    let used = 0n;
    let resting = 0n;
    for (let slot = 0n; slot < 64n; slot++) {
      if (this.used.has(base + slot)) used |= 1n << slot;
      if (this.resting.has(base + slot)) resting |= 1n << slot;
    }
    return { used, resting };
  }
}
