/**
 * Admission of SpiderReservedIP (reference/spiderpool.md 2.6). Reservations may overlap anything: they only
 * mask what is given next.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { mergedRanges } from './address-fields.ts';
import type { Admission, AdmissionContext, Operation } from './admission-context.ts';
import {
  asWebhook,
  checkFamilyEnabled,
  checkSchema,
  editable,
  immutableFaults,
  refuse,
} from './admission-rules.ts';
import { isTerminating, type KubeObject } from './kube-object.ts';
import { faultOf, inObject, specOf } from './spec-fields.ts';
import { reservedFamily, reservedRanges, SPIDER_RESERVED_IP_FIELDS } from './spiderpool.ts';

const WEBHOOK = 'spiderreservedip.spiderpool.spidernet.io';

/** The reservation as it is to be stored, or OBJECT_INVALID in Spiderpool's words. On DELETE `next` goes, and nothing comes back. */
export function admitReservedIp(
  operation: Operation,
  next: KubeObject,
  previous: KubeObject | undefined,
  context: AdmissionContext,
): Admission | undefined {
  if (operation === 'DELETE') return undefined;
  checkSchema(next, SPIDER_RESERVED_IP_FIELDS);
  const object = mutate(next);
  asWebhook(WEBHOOK, () => {
    if (operation === 'UPDATE' && isTerminating(object)) {
      throw new OrbweaverError(
        'OBJECT_INVALID',
        'forbidden: cannot update a terminating ReservedIP',
      );
    }
    const before = operation === 'UPDATE' && previous !== undefined ? specOf(previous) : undefined;
    const spec = specOf(object);
    if (before !== undefined) refuse(object, immutableFaults(before, spec, ['ipVersion']));
    inObject(object, () => {
      const family = reservedFamily(spec);
      checkFamilyEnabled(family, context);
      reservedRanges(spec, family);
    });
  });
  return { object, warnings: [] };
}

/** The family comes from the first entry; an empty list stays as it is, which validation refuses. */
function mutate(next: KubeObject): KubeObject {
  const object = editable(next);
  const { spec } = object;
  if (!Array.isArray(spec.ips) || spec.ips.length === 0) return object;
  faultOf(() => {
    spec.ipVersion ??= reservedFamily(spec);
  });
  spec.ips = mergedRanges(spec.ips);
  return object;
}
