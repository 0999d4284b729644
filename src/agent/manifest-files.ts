/**
 * Manifests from files, folders and standard input: `-f` of the CLI and `--manifests` of the agent.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { parseManifests } from '../dialect/manifest.ts';

const MANIFEST_NAME = /\.(ya?ml|json)$/;
const STDIN = 0;

export interface ManifestSource {
  /** The folder that relative names start from. */
  readonly folder: string;
  /** Look into folders of folders. */
  readonly recursive?: boolean;
}

/** An object and the file it came from, as the user named it. */
export interface SourcedObject {
  readonly object: KubeObject;
  readonly source: string;
}

/**
 * The objects of all names in the order given; a folder gives its `.yaml`, `.yml` and `.json` files
 * in the order of their names, `-` is standard input. Throws USAGE for what cannot be read, and
 * OBJECT_INVALID with the file and line for what cannot be understood.
 */
export function readManifestFiles(
  names: readonly string[],
  source: ManifestSource,
): SourcedObject[] {
  return names.flatMap((name) => {
    if (name === '-') {
      return parse(readFileSync(STDIN, 'utf8'), 'standard input');
    }
    if (/^https?:\/\//.test(name)) {
      throw new OrbweaverError(
        'USAGE',
        `${name}: addresses are not fetched`,
        'save it to a file first',
      );
    }
    return filesOf(name, source).flatMap((file) => parse(readText(file, source), file));
  });
}

function parse(text: string, source: string): SourcedObject[] {
  return parseManifests(text, source).map((object) => ({ object, source }));
}

function filesOf(name: string, source: ManifestSource): string[] {
  if (!statOf(name, source).isDirectory()) {
    return [name];
  }
  const files = readdirSync(resolve(source.folder, name), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(name, entry.name);
      if (entry.isDirectory()) {
        return source.recursive === true ? filesOf(path, source) : [];
      }
      return MANIFEST_NAME.test(entry.name) ? [path] : [];
    });
  if (files.length === 0 && source.recursive !== true) {
    throw new OrbweaverError('USAGE', `${name}: no .yaml, .yml or .json file in this folder`);
  }
  return files;
}

function readText(file: string, source: ManifestSource): string {
  if (statOf(file, source).size > LIMITS.manifestBytesMax) {
    throw new OrbweaverError(
      'OBJECT_INVALID',
      `${file}: larger than ${LIMITS.manifestBytesMax} bytes`,
    );
  }
  return readFileSync(resolve(source.folder, file), 'utf8');
}

function statOf(name: string, source: ManifestSource) {
  const stat = statSync(resolve(source.folder, name), { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new OrbweaverError(
      'USAGE',
      `${name}: no such file or folder`,
      `seen from ${source.folder}`,
    );
  }
  return stat;
}
