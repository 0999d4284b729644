/**
 * Versions of objects, by which the newer of two is told. They are decimal numbers of one count per server
 * (Kubernetes API concepts, "Resource versions"); of anything else nothing is told.
 */
const DECIMAL = /^\d+$/;

/** Whether `a` is older than `b`; false where that cannot be told. */
export function isOlder(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || !DECIMAL.test(a) || !DECIMAL.test(b)) {
    return false;
  }
  return a.length === b.length ? a < b : a.length < b.length;
}
