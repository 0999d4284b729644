import { hash } from 'node:crypto';

/** Before a digest; no container id begins so (CNI SPEC 1.1, "Container ID"). */
const MARK = '~';
/** 66 bits: enough for the containers of one node and network, among which it must tell apart. */
const DIGEST_CHARS = 11;

/**
 * A container as lines name it: its id where that is short, else a digest of it, because 64 lines must fit in
 * 10 KiB (rule 1). The name of a name is itself.
 */
export function containerRef(containerId: string): string {
  return containerId.length <= MARK.length + DIGEST_CHARS
    ? containerId
    : MARK + hash('sha256', containerId, 'base64url').slice(0, DIGEST_CHARS);
}
