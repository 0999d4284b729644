/**
 * FNV-1a over the UTF-8 bytes, 32 bits unsigned. Names that differ in a counted end, as those of nodes do, have
 * different low bits, so that the remainder by a small number spreads them better than chance would.
 */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
