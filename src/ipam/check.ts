/** CHECK compares the previous result with the ledger (reference/cni.md section 3, X12). */
import { OrbweaverError } from '../catalogue/errors.ts';
import { formatAddress } from '../net/address.ts';
import { holderText } from './holder-text.ts';
import type { Parts } from './parts.ts';
import type { Attachment, Claim } from './ports.ts';
import type { Call } from './request.ts';

/**
 * Returns when every address of ours in `prevResult` is reserved for this attachment, and every address
 * reserved for it is in `prevResult`; addresses that no pool of ours holds were added by other plugins of the
 * chain and are passed over. Throws CHECK_FAILED naming the address, or CONFIG_INVALID without `prevResult`.
 */
export function check(parts: Parts, call: Call): void {
  const previous = call.config.previousAddresses();
  if (previous === undefined) {
    throw new OrbweaverError('CONFIG_INVALID', 'required prevResult missing: field "prevResult"');
  }
  const { network, containerId, interfaceName } = call.attachment;
  const claims = parts.ledger
    .claimsOfContainer(network, containerId)
    .filter((claim) => claim.attachment.interfaceName === interfaceName);
  if (claims.length === 0) {
    throw new OrbweaverError(
      'CHECK_FAILED',
      `no address is reserved for container ${containerId}, interface ${interfaceName}, network ${network}`,
    );
  }
  const listed = new Set(previous.map(({ address }) => formatAddress(address)));
  for (const claim of claims) {
    const address = formatAddress(claim.address);
    if (!listed.has(address)) {
      throw new OrbweaverError(
        'CHECK_FAILED',
        `address ${address} is reserved for this attachment but missing in prevResult.ips`,
      );
    }
  }
  for (const { address, text } of previous) {
    const line = parts.ledger.line(address);
    const inPool = () => parts.cluster.pools().some((pool) => pool.ranges.has(address));
    if (line?.state === 'claimed' ? !isFor(line, call.attachment) : inPool()) {
      throw new OrbweaverError(
        'CHECK_FAILED',
        `address ${text} is not reserved for this attachment`,
        line?.state === 'claimed' ? `held by ${holderText(line)}` : 'it is free or at rest',
      );
    }
  }
}

function isFor(claim: Claim, attachment: Attachment): boolean {
  return (
    claim.attachment.network === attachment.network &&
    claim.attachment.containerId === attachment.containerId &&
    claim.attachment.interfaceName === attachment.interfaceName
  );
}
