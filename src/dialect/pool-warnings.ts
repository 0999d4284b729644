/**
 * What is worth saying about a pool that is accepted nevertheless.
 */
import { type PoolForm, selectorField } from './pool-form.ts';
import type { Fields } from './spec-fields.ts';

const CLASSES = ['node', 'namespace', 'pod'] as const;

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

/** Sentences for the one who applies the pool; the spec passed admission. */
export function poolWarnings(spec: Fields, form: PoolForm): string[] {
  const warnings: string[] = [];
  if (!isFilled(spec.ips)) warnings.push('spec.ips is empty: the pool has no addresses to give');
  const narrowed = narrowingFields(spec, form);
  if (spec.default === true && narrowed.length > 0) {
    warnings.push(
      `spec.default: the pool is a cluster default, but only for pods that match ${narrowed.join(' and ')}; others fail unless another default pool takes them`,
    );
  }
  for (const who of ['node', 'namespace'] as const) {
    const selector = selectorField(spec, form, who);
    if (selector !== undefined && isFilled(spec[`${who}Name`])) {
      warnings.push(`spec.${selector} has no effect: spec.${who}Name replaces it`);
    }
  }
  if (form.dialect === 'spiderpool' && spec.vlan !== undefined) {
    warnings.push('spec.vlan has no effect: the field went with Spiderpool 1.0');
  }
  return warnings;
}

/** The fields, as paths, by which the pool keeps some pods out. */
function narrowingFields(spec: Fields, form: PoolForm): string[] {
  return CLASSES.flatMap((who) => {
    if (isFilled(spec[`${who}Name`])) return [`spec.${who}Name`];
    const selector = selectorField(spec, form, who);
    return selector === undefined ? [] : [`spec.${selector}`];
  });
}
