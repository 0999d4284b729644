/** Nonces for the lines of the ledger (rule 1), cut out of random bytes that are fetched many at a time. */
import { randomFillSync } from 'node:crypto';

/** Enough that two writes of one slot never meet, short enough for a line of an IPBlock. */
const NONCE_BYTES = 6;
const NONCES_FETCHED = 512;

/** A source of nonces, 8 characters each. */
export function nonceSource(): () => string {
  const bytes = Buffer.alloc(NONCE_BYTES * NONCES_FETCHED);
  let at = bytes.length;
  return () => {
    if (at === bytes.length) {
      randomFillSync(bytes);
      at = 0;
    }
    const nonce = bytes.toString('base64url', at, at + NONCE_BYTES);
    at += NONCE_BYTES;
    return nonce;
  };
}
