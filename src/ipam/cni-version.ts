/** CNI versions: which exist, and which verb needs which (reference/cni.md sections 2 and 5). */
import { OrbweaverError } from '../catalogue/errors.ts';

/** Oldest first. cni/plugin.c answers VERSION with the same list. */
export const CNI_VERSIONS = [
  '0.1.0',
  '0.2.0',
  '0.3.0',
  '0.3.1',
  '0.4.0',
  '1.0.0',
  '1.1.0',
] as const;
export type CniVersion = (typeof CNI_VERSIONS)[number];

const VERB_SINCE: Readonly<Record<string, CniVersion>> = {
  CHECK: '0.4.0',
  GC: '1.1.0',
  STATUS: '1.1.0',
};

/** True when `version` is `since` or newer. */
export function atLeast(version: CniVersion, since: CniVersion): boolean {
  return CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(since);
}

/** A config without `cniVersion` speaks 0.1.0. Throws CNI_VERSION_UNSUPPORTED. */
export function readCniVersion(value: string | undefined): CniVersion {
  if (value === undefined || value === '') {
    return '0.1.0';
  }
  const version = CNI_VERSIONS.find((known) => known === value);
  if (version === undefined) {
    throw new OrbweaverError(
      'CNI_VERSION_UNSUPPORTED',
      'incompatible CNI versions',
      `config is ${JSON.stringify(value.slice(0, 40))}, plugin supports ${JSON.stringify(CNI_VERSIONS)}`,
    );
  }
  return version;
}

/** Throws CNI_VERSION_UNSUPPORTED when the config's version does not know the verb. */
export function requireVerb(version: CniVersion, verb: string): void {
  const since = VERB_SINCE[verb];
  if (since !== undefined && !atLeast(version, since)) {
    throw new OrbweaverError(
      'CNI_VERSION_UNSUPPORTED',
      `config version does not allow ${verb}`,
      `config is "${version}", ${verb} exists since ${since}`,
    );
  }
}
