import type { Claim } from './ports.ts';

/** Who holds a claim, in words. */
export function holderText(claim: Claim): string {
  const { network, containerId, interfaceName } = claim.attachment;
  const pod = claim.owner.pod === '' ? '' : `pod ${claim.owner.namespace}/${claim.owner.pod}, `;
  return `${pod}container ${containerId}, interface ${interfaceName}, network ${network}`;
}
