/** What goes back to the plugin; errors become CNI errors (reference/cni.md section 6). */
import type { OrbweaverError } from '../catalogue/errors.ts';
import { CNI_VERSIONS, type CniVersion } from './cni-version.ts';
import type { Call, CniRequest } from './request.ts';

/** What goes back to the plugin: the result object (absent for verbs that print nothing), or a CNI error. */
export type CniAnswer =
  | { readonly ok: true; readonly result: object | undefined }
  | { readonly ok: false; readonly error: CniErrorBody; readonly code: string };

/** CNI SPEC 1.1, section 5, "Error". */
export interface CniErrorBody {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** What Spiderpool's plugin puts in front of its agent's text; the two blanks are its own (seeds; spiderpool.md 4.4). */
const SPIDERPOOL_PREFIX =
  'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  ';

/** A message as Spiderpool's agent says it to its plugin, which puts the prefix in front itself. */
export function withoutSpiderpoolPrefix(message: string): string {
  return message.startsWith(SPIDERPOOL_PREFIX) ? message.slice(SPIDERPOOL_PREFIX.length) : message;
}

/** Codes whose text is Spiderpool's agent speaking, so that its plugin's prefix belongs in front. */
const SPOKEN_BY_AGENT = new Set([
  'ANNOTATION_INVALID',
  'POOL_UNKNOWN',
  'NO_POOL_AVAILABLE',
  'ADDRESSES_EXHAUSTED',
  'POD_DEAD',
  'POD_UNKNOWN',
]);

/** The error in the config's own version; the catalogue's hint follows the details. */
export function errorAnswer(
  error: OrbweaverError,
  request: CniRequest,
  call: Call | undefined,
): CniAnswer {
  const asSpiderpool =
    request.calledAs === 'spiderpool' &&
    request.command === 'ADD' &&
    SPOKEN_BY_AGENT.has(error.code);
  const details = [error.details, error.row.hint].filter((text) => text !== '').join('; ');
  return {
    ok: false,
    code: error.code,
    error: {
      cniVersion: call?.version ?? versionIn(request.config),
      code: error.row.cni,
      msg: asSpiderpool ? `${SPIDERPOOL_PREFIX}${error.message}` : error.message,
      ...(details === '' ? {} : { details }),
    },
  };
}

/** The config's version if it is one of ours, else the newest: the error itself may be about the config. */
function versionIn(config: string): CniVersion {
  const newest = CNI_VERSIONS[CNI_VERSIONS.length - 1] as CniVersion;
  try {
    const parsed: unknown = JSON.parse(config);
    const version =
      typeof parsed === 'object' && parsed !== null
        ? (parsed as { cniVersion?: unknown }).cniVersion
        : undefined;
    return CNI_VERSIONS.find((known) => known === version) ?? newest;
  } catch {
    return newest;
  }
}
