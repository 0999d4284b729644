/**
 * Names as Kubernetes' controllers make them, but the same ones every time: a hash of what the pod is made
 * from takes the place of chance, so that applying a manifest again finds its pods.
 */

/** Consonants and digits that spell no word (k8s.io/apimachinery pkg/util/rand). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const SUFFIX_CHARS = 5;
/** A generated name's base is cut so that base and suffix fit a DNS label. */
const BASE_CHARS_MAX = 63 - SUFFIX_CHARS;

/** FNV-1a, 32 bits, of the text's UTF-8. */
function fnv32a(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(text)) {
    hash = Math.imul(hash ^ byte, FNV_PRIME);
  }
  return hash >>> 0;
}

/** JSON with the keys of every object in order, so that equal values give equal texts. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** `pod-template-hash`: at most 10 characters, as many as the hash has decimal digits. */
export function templateHash(template: unknown): string {
  const digits = String(fnv32a(canonicalJson(template)));
  return Array.from(digits, (digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('');
}

/** Makes pod names `BASE-xxxxx`, all different. The n-th name depends on nothing but base and keys before. */
export class PodNames {
  readonly #taken = new Set<string>();

  /** The name of the pod that `key` tells from the others of the base. */
  make(base: string, key: string): string {
    const stem = base.length > BASE_CHARS_MAX ? base.slice(0, BASE_CHARS_MAX) : base;
    for (let attempt = 0; ; attempt += 1) {
      const name = `${stem}${suffixOf(`${base}\0${key}\0${attempt}`)}`;
      if (this.#taken.has(name)) continue;
      this.#taken.add(name);
      return name;
    }
  }
}

function suffixOf(text: string): string {
  let rest = fnv32a(text);
  let suffix = '';
  for (let index = 0; index < SUFFIX_CHARS; index += 1) {
    suffix += ALPHABET[rest % ALPHABET.length];
    rest = Math.floor(rest / ALPHABET.length);
  }
  return suffix;
}
