/** scripts/oci-archive.ts: a valid archive, and the same bytes for the same folders. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { librariesOf } from '../../scripts/image-root.ts';
import { writeOciArchive } from '../../scripts/oci-archive.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'oci-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const CONFIG = {
  architecture: 'amd64',
  entrypoint: ['/bin/tool', '--all'],
  environment: ['PATH=/bin'],
  labels: { 'org.opencontainers.image.title': 'tool' },
};

function layers(time: number): string[] {
  const made = ['base', 'app'].map((name) => join(folder, String(time), name));
  for (const root of made) mkdirSync(join(root, 'bin'), { recursive: true });
  const tool = join(made[0]!, 'bin/tool');
  writeFileSync(tool, '#!/bin/sh\n');
  chmodSync(tool, 0o755);
  symlinkSync('bin/tool', join(made[1]!, 'link'));
  utimesSync(tool, time, time);
  return made;
}

function archive(time: number): string {
  const file = join(folder, `${time}.tar`);
  writeOciArchive(file, 'docker.io/library/tool:1.2', layers(time), CONFIG);
  return file;
}

function unpack(file: string): string {
  const target = join(folder, 'unpacked');
  mkdirSync(target);
  execFileSync('tar', ['-C', target, '-xf', file]);
  return target;
}

describe('an OCI archive', () => {
  test('names its image, its layers and its program, each blob by its digest', () => {
    const layout = unpack(archive(1));
    const json = (path: string) => JSON.parse(readFileSync(join(layout, path), 'utf8'));
    const blob = (digest: string) => readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
    const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    for (const name of readdirSync(join(layout, 'blobs/sha256'))) {
      expect(sha256(readFileSync(join(layout, 'blobs/sha256', name)))).toBe(name);
    }
    expect(json('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    const [entry] = json('index.json').manifests;
    expect(entry.annotations).toEqual({
      'io.containerd.image.name': 'docker.io/library/tool:1.2',
      'org.opencontainers.image.ref.name': '1.2',
    });
    const manifest = JSON.parse(blob(entry.digest).toString());
    const config = JSON.parse(blob(manifest.config.digest).toString());
    expect(config).toMatchObject({
      architecture: 'amd64',
      os: 'linux',
      config: { Entrypoint: ['/bin/tool', '--all'], Env: ['PATH=/bin'] },
    });
    const tars = manifest.layers.map(({ digest }: { digest: string }) => gunzipSync(blob(digest)));
    expect(config.rootfs.diff_ids).toEqual(tars.map((bytes: Buffer) => `sha256:${sha256(bytes)}`));
    const listed = tars.map((input: Buffer) =>
      execFileSync('tar', ['-tv', '--numeric-owner'], { input, encoding: 'utf8' }),
    );
    expect(listed[0]).toMatch(/^-rwxr-xr-x 0\/0 +10 1970-01-01 00:00 \.\/bin\/tool$/m);
    expect(listed[1]).toContain('./link -> bin/tool');
  });

  test('is the same for the same contents, whenever they were written', () => {
    expect(readFileSync(archive(1)).equals(readFileSync(archive(1_000_000)))).toBe(true);
  });
});

describe('libraries', () => {
  test('of a program are files of this machine, its loader among them', () => {
    const found = librariesOf(process.execPath);
    expect(found.some((path) => /\/ld-linux/.test(path))).toBe(true);
    for (const path of found) expect(readFileSync(path).subarray(1, 4).toString()).toBe('ELF');
  });

  test('a script has none to name', () => {
    const script = join(folder, 'script');
    writeFileSync(script, '#!/bin/sh\n');
    expect(librariesOf(script)).toEqual([]);
  });
});
