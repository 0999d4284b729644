/**
 * Nodes of a sparse tree. A leaf is one word; a node above has a word of full children, a word of children
 * that exist, and where they are.
 *
 *     leaf  ┌──────┐         node  ┌──────┬─────────┬───────────────────┐
 *           │ full │               │ full │ present │ child 0 … child 63│
 *           └──────┘               └──────┴─────────┴───────────────────┘
 */
import { REGISTERS } from './header';

export const LEAF_BYTES: usize = 8;
export const NODE_BYTES: usize = 16 + 64 * 4;
/** 122 bits of block number, six bits a level. */
export const SPARSE_LEVELS_MAX: u32 = 21;

/** Where a walk from the root remembers the node of each level; lives within one call. */
const PATH: usize = REGISTERS + 64;

/** How many nodes verify may still visit: a damaged tree could lead it in circles. */
const BUDGET: usize = REGISTERS + 32;

export function setNodeBudget(nodes: u32): void {
  store<u32>(BUDGET, nodes);
}

/** Counts one node. Answers false where none was left. */
export function spendNode(): bool {
  const left = load<u32>(BUDGET);
  if (left === 0) return false;
  store<u32>(BUDGET, left - 1);
  return true;
}

export function fullBits(node: usize): u64 {
  return load<u64>(node);
}

export function setFullBits(node: usize, bits: u64): void {
  store<u64>(node, bits);
}

export function presentBits(node: usize): u64 {
  return load<u64>(node, 8);
}

export function setPresentBits(node: usize, bits: u64): void {
  store<u64>(node, bits, 8);
}

export function childOf(node: usize, digit: u64): usize {
  return load<u32>(node + ((<usize>digit) << 2), 16);
}

export function setChild(node: usize, digit: u64, child: usize): void {
  store<u32>(node + ((<usize>digit) << 2), u32(child), 16);
}

/** The node at a level of the path walked last. */
export function pathNode(level: u32): usize {
  return load<u32>(PATH + ((<usize>level) << 2));
}

export function setPathNode(level: u32, node: usize): void {
  store<u32>(PATH + ((<usize>level) << 2), u32(node));
}
