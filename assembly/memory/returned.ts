/**
 * Where functions leave results that do not fit one number. `returned` is a 128-bit register inside the
 * engine; the scratch words are what the host reads after a call.
 */
import { REGISTERS, SCRATCH } from './header';

/** Leaves a 128-bit result for the caller, who must fetch it before calling anything else that does. */
export function setReturned(high: u64, low: u64): void {
  store<u64>(REGISTERS, high);
  store<u64>(REGISTERS, low, 8);
}

export function returnedHigh(): u64 {
  return load<u64>(REGISTERS);
}

export function returnedLow(): u64 {
  return load<u64>(REGISTERS, 8);
}

/** Leaves an address for the host: four words, most significant first. */
export function setScratchAddress(high: u64, low: u64): void {
  store<u64>(SCRATCH, rotl<u64>(high, 32));
  store<u64>(SCRATCH, rotl<u64>(low, 32), 8);
}

/** Leaves two 64-bit words for the host, each as its low and its high half. */
export function setScratchWords(first: u64, second: u64): void {
  store<u64>(SCRATCH, first);
  store<u64>(SCRATCH, second, 8);
}
