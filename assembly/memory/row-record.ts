/**
 * Rows of bits over pools, and the list of rows that a query names.
 */
import { header, ROW_LIST } from './header';

/** Result registers that a host may use at once. */
export const RESULT_REGISTERS: u32 = 16;

export const ROW_RECORD_BYTES: usize = 8;

@unmanaged
export class Row {
  /** Offset of the bits, 0 in a free record. */
  bits: u32;
  /** The bit of every pool that was never set. In a free record: the next free row, plus one. */
  fill: u32;
}

export function rowAt(row: u32): Row {
  return changetype<Row>(<usize>header().rows + <usize>row * ROW_RECORD_BYTES);
}

/** Entry `index` of the row list: first a number that the host wrote, then the offset it stands for. */
export function listed(index: u32): u32 {
  return load<u32>(ROW_LIST + ((<usize>index) << 2));
}

export function setListed(index: u32, offset: usize): void {
  store<u32>(ROW_LIST + ((<usize>index) << 2), u32(offset));
}
