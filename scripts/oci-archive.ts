/**
 * Writes a container image as an OCI archive, without any container engine: layers out of folders, a config, and the
 * index that containerd's and podman's `import` and `load` read. The same folders give the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface ImageConfig {
  /** As Go calls it: amd64, arm64. */
  readonly architecture: string;
  readonly entrypoint: readonly string[];
  readonly environment: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const TYPE = 'application/vnd.oci.image';
/** Whose files they are and when they were made is no part of the image. */
const SAME_BYTES = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', '--mtime=@0'];

/**
 * Writes `archive`: an image of the name `name` (with registry and tag, as containerd keeps it) whose layers are the
 * contents of the folders, the lowest first. Throws where `tar` is missing.
 */
export function writeOciArchive(
  archive: string,
  name: string,
  layers: readonly string[],
  config: ImageConfig,
): void {
  const layout = mkdtempSync(join(tmpdir(), 'orbweaver-image-'));
  try {
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
    const tars = layers.map((folder) => tarOf(folder, layout));
    const layerBlobs = tars.map((bytes) => blob(layout, gzipSync(bytes), 'layer.v1.tar+gzip'));
    const image = {
      architecture: config.architecture,
      os: 'linux',
      config: {
        Entrypoint: config.entrypoint,
        Env: config.environment,
        Labels: config.labels,
        WorkingDir: '/',
      },
      rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
      history: layers.map((folder) => ({ created_by: folder.split('/').at(-1) })),
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: `${TYPE}.manifest.v1+json`,
      config: blob(layout, json(image), 'config.v1+json'),
      layers: layerBlobs,
    };
    const entry = {
      ...blob(layout, json(manifest), 'manifest.v1+json'),
      annotations: {
        'io.containerd.image.name': name,
        'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
      },
    };
    const index = { schemaVersion: 2, mediaType: `${TYPE}.index.v1+json`, manifests: [entry] };
    writeFileSync(join(layout, 'index.json'), json(index));
    writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
    mkdirSync(dirname(archive), { recursive: true });
    tar(layout, archive);
  } finally {
    rmSync(layout, { recursive: true, force: true });
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function blob(layout: string, bytes: Uint8Array, type: string): Blob {
  const digest = digestOf(bytes);
  writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), bytes);
  return { mediaType: `${TYPE}.${type}`, digest, size: bytes.length };
}

function tarOf(folder: string, layout: string): Buffer {
  const file = join(layout, 'layer.tar');
  tar(folder, file);
  const bytes = readFileSync(file);
  rmSync(file);
  return bytes;
}

function tar(folder: string, archive: string): void {
  execFileSync('tar', [...SAME_BYTES, '--format=gnu', '-cf', archive, '-C', folder, '.']);
}
