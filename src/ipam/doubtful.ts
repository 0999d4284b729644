import type { FamilyChoice } from '../choose/choice.ts';
import { cidrOf, lastOfCidr } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';

const ADDRESS_BITS = { 4: 32, 6: 128 } as const;

/** The addresses of which news might give the family one: all of its pools, or the one that it asks for and its unit. */
export function doubtful({ candidates, requested, family }: FamilyChoice): RangeSet[] {
  return candidates.map(({ ranges, calico }) => {
    if (requested === undefined) {
      return ranges;
    }
    const unit = cidrOf(requested, calico?.blockSize ?? ADDRESS_BITS[family]);
    return RangeSet.of([{ first: unit.first, last: lastOfCidr(unit) }]);
  });
}
