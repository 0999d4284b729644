/** Engines that the catalog's suite runs on. */
import type { AffinityEngine } from '../../src/choose/affinity-engine.ts';
import { Engine } from '../../src/engine/engine.ts';
import { SlowEngine } from './slow-engine.ts';

/** The affinity part of an engine, with pools. */
export type PoolEngine = AffinityEngine & {
  addPool(ranges: Uint32Array): number;
  removePool(pool: number): void;
};

export const ENGINES: readonly (readonly [string, () => PoolEngine])[] = [
  ['the slow stand-in', () => new SlowEngine()],
  ['the engine', () => Engine.load()],
];
