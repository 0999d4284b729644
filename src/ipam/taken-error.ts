import type { OrbweaverError } from '../catalogue/errors.ts';
import type { Choice, FamilyChoice, InterfaceChoice } from '../choose/choice.ts';
import { addressTakenError } from '../choose/messages.ts';
import { holderText } from './holder-text.ts';
import type { Ledger } from './ports.ts';

/** ADDRESS_TAKEN for the address that a family asks for by number, with its holder in the details. */
export function takenError(
  ledger: Ledger,
  choice: Choice,
  item: InterfaceChoice,
  family: FamilyChoice,
): OrbweaverError {
  const line = family.requested && ledger.line(family.requested);
  const holder = line?.state === 'claimed' ? holderText(line) : 'an ADD in progress';
  return addressTakenError(choice, item, family, holder);
}
