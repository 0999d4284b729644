import { Checksum } from '../harness.ts';

/** Over the IPv4 addresses in order: who got which depends on the moment. */
export function checksumOfAddresses(addresses: readonly string[]): string {
  const numbers = addresses.map((text) =>
    text.split('.').reduce((number, part) => number * 256 + Number(part), 0),
  );
  return String(new Checksum().addAll(numbers.sort((a, b) => a - b)));
}
