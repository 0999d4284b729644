/** Annotations and labels as `annotate` and `label` change them. Pure. */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { KubeObject } from './kube-object.ts';

/** Changes of annotations or labels. */
export interface KeyEdits {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
  /** Without it, a key that has another value is refused. */
  readonly overwrite: boolean;
}

/** The object with the keys set and removed. Throws OBJECT_INVALID, in kubectl's words, for a value that stands in the way. */
export function withKeys(
  object: KubeObject,
  field: 'annotations' | 'labels',
  { set, remove, overwrite }: KeyEdits,
): KubeObject {
  const values = new Map(Object.entries(object.metadata[field] ?? {}));
  for (const [key, value] of Object.entries(set)) {
    const there = values.get(key);
    if (!overwrite && there !== undefined && there !== value) {
      const text =
        field === 'labels'
          ? `'${key}' already has a value (${there}), and --overwrite is false`
          : `--overwrite is false but found the following declared annotation(s): '${key}' already has a value (${there})`;
      throw new OrbweaverError('OBJECT_INVALID', text);
    }
    values.set(key, value);
  }
  for (const key of remove) {
    values.delete(key);
  }
  const metadata = { ...object.metadata, [field]: Object.fromEntries(values) };
  if (values.size === 0) {
    delete metadata[field];
  }
  return { ...object, metadata };
}
