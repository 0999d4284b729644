/**
 * Container images made by hand, as OCI archives: the sandbox's, which is one static program, and one of busybox
 * under every name that the examples use. No registry is asked, so pods want `imagePullPolicy: Never`.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { commandOnPath } from './binaries.ts';
import type { RunFolder } from './run-folder.ts';

const run = promisify(execFile);

/** The image of every pod's sandbox. */
export const SANDBOX_IMAGE = 'localhost/sandbox:1';

interface Image {
  readonly names: readonly string[];
  readonly command: readonly string[];
  /** Fills the root folder. */
  readonly fill: (root: string) => Promise<void> | void;
}

/** Compiles reaper.c, statically; where it is. */
export async function compileReaper(folder: RunFolder): Promise<string> {
  const program = folder.file('reaper');
  const source = join(import.meta.dirname, 'reaper.c');
  await run('gcc', ['-Os', '-Wall', '-Wextra', '-Werror', '-static', '-s', '-o', program, source]);
  return program;
}

/** Writes the archives of all images; their paths. */
export async function makeImages(folder: RunFolder, reaper: string): Promise<string[]> {
  const images: Image[] = [
    {
      names: [SANDBOX_IMAGE],
      command: ['/reaper'],
      fill: (root) => copyFileSync(reaper, join(root, 'reaper')),
    },
    {
      names: ['docker.io/library/busybox:latest', 'docker.io/library/alpine:latest'],
      command: ['sleep', '2147483647'],
      fill: fillBusybox,
    },
    {
      names: ['docker.io/library/nginx:latest'],
      command: ['httpd', '-f', '-p', '80', '-h', '/'],
      fill: fillBusybox,
    },
  ];
  const archives: string[] = [];
  for (const [index, image] of images.entries()) {
    archives.push(await makeArchive(folder.folder('images', String(index)), image));
  }
  return archives;
}

async function fillBusybox(root: string): Promise<void> {
  const { stdout } = await run('busybox', ['--list']);
  mkdirSync(join(root, 'bin'));
  copyFileSync(commandOnPath('busybox')!, join(root, 'bin', 'busybox'));
  for (const applet of stdout.split('\n').filter((name) => name !== '' && name !== 'busybox')) {
    symlinkSync('busybox', join(root, 'bin', applet));
  }
  for (const name of ['tmp', 'etc', 'root', 'proc', 'sys', 'dev']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
}

async function makeArchive(folder: string, { names, command, fill }: Image): Promise<string> {
  const root = join(folder, 'root');
  const layout = join(folder, 'layout');
  mkdirSync(root, { recursive: true });
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  await fill(root);
  const layer = join(folder, 'layer.tar');
  await tar(root, layer);
  const blob = (bytes: Uint8Array, mediaType: string) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', digest), bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const type = (name: string) => `application/vnd.oci.image.${name}`;
  const layerBlob = blob(readFileSync(layer), type('layer.v1.tar'));
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Cmd: command, Env: ['PATH=/bin'], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [layerBlob.digest] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: type('manifest.v1+json'),
    config: blob(json(config), type('config.v1+json')),
    layers: [layerBlob],
  };
  const entry = blob(json(manifest), manifest.mediaType);
  const manifests = names.map((name) => ({
    ...entry,
    annotations: { 'io.containerd.image.name': name },
  }));
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests }));
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  const archive = join(folder, 'image.tar');
  await tar(layout, archive);
  return archive;
}

async function tar(folder: string, archive: string): Promise<void> {
  const owner = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', '--mtime=@0'];
  await run('tar', [...owner, '-cf', archive, '-C', folder, '.']);
}

/** Programs in a folder. */
export function programsIn(folder: string): string[] {
  return readdirSync(folder).map((name) => join(folder, name));
}
