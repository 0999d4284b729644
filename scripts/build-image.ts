/**
 * Builds the container image of agent and controller as an OCI archive, `build/image/orbweaver.tar`, without any
 * container engine: `npm run image [-- FILE]`.
 *
 *     base      shell and tools that install-plugin.sh calls, and the shared libraries of this machine
 *     node      the Node of the npm package `node`
 *     packages  what package-lock.json lists for production
 *     orbweaver the npm package, compiled, as if it were installed in /opt
 *
 * The same checkout on the same machine gives the same bytes.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from './build.ts';
import { addProgram, commandPath } from './image-root.ts';
import { writeOciArchive } from './oci-archive.ts';

const ROOT = join(import.meta.dirname, '..');
const NODE = join(ROOT, 'node_modules/node/bin/node');
const INSTALLED = 'opt/node_modules/orbweaver';
/** What deploy/install-plugin.sh calls, and what helps to look around. */
const TOOLS = ['cat', 'chmod', 'dd', 'dirname', 'grep', 'ls', 'mkdir', 'mv', 'rm', 'sync'];
/** The npm package without documents and examples. */
const PACKAGE = ['LICENSE', 'package.json', 'deploy', 'build/cni'];
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const WORLD_WRITABLE = 0o1777;

interface PackageJson {
  readonly version: string;
  readonly description: string;
  readonly license: string;
}

/** The name under which containerd keeps an image that manifests call `orbweaver:VERSION`. */
export function imageName(): string {
  return `docker.io/library/orbweaver:${packageJson().version}`;
}

/** Builds what is not built yet, then the archive. */
export async function buildImage(archive: string): Promise<void> {
  const architecture = ARCHITECTURES[process.arch];
  if (process.platform !== 'linux' || architecture === undefined) {
    throw new Error(
      `an image is made on Linux for its own processor, and this is ${process.platform} ${process.arch}`,
    );
  }
  await build();
  const staging = mkdtempSync(join(tmpdir(), 'orbweaver-root-'));
  const layer = (name: string, fill: (root: string) => void): string => {
    const root = join(staging, name);
    mkdirSync(root);
    fill(root);
    openToAll(root);
    return root;
  };
  try {
    const layers = [
      layer('base', fillBase),
      layer('node', fillNode),
      layer('packages', fillPackages),
      layer('orbweaver', fillOrbweaver),
    ];
    const { version, description, license } = packageJson();
    writeOciArchive(archive, imageName(), layers, {
      architecture,
      entrypoint: ['/bin/node', `/${INSTALLED}/src/cli/orbweaver.mjs`],
      environment: ['PATH=/bin', 'NODE_ENV=production'],
      labels: {
        'org.opencontainers.image.title': 'orbweaver',
        'org.opencontainers.image.description': description,
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': license,
      },
    });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function packageJson(): PackageJson {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
}

function fillBase(root: string): void {
  addProgram(root, commandPath('sh'), 'bin/sh');
  for (const tool of TOOLS) {
    addProgram(root, commandPath(tool), `bin/${tool}`);
  }
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nnobody:x:65532:65532::/:\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnobody:x:65532:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  mkdirSync(join(root, 'tmp'));
}

function fillNode(root: string): void {
  // The package has a placeholder in its place where its install step did not run.
  if (readFileSync(NODE).subarray(0, 4).toString('latin1') !== '\x7fELF') {
    throw new Error(`${NODE} is no program; \`npm ci\` brings it`);
  }
  addProgram(root, NODE, 'bin/node');
}

/** Packages that are not only for development; optional ones of other platforms are not installed. */
function fillPackages(root: string): void {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; optional?: boolean }>;
  };
  for (const [path, { dev, devOptional, optional }] of Object.entries(lock.packages)) {
    const source = join(ROOT, path);
    if (!path.startsWith('node_modules/') || dev || devOptional) {
      continue;
    }
    if (!existsSync(source)) {
      if (optional) continue;
      throw new Error(`the package ${path} is not installed: run \`npm ci\``);
    }
    cpSync(source, join(root, 'opt', path), {
      recursive: true,
      // Packages inside of it have a line of their own.
      filter: (file) => file === source || !file.slice(source.length).startsWith('/node_modules'),
    });
  }
}

function fillOrbweaver(root: string): void {
  const target = join(root, INSTALLED);
  mkdirSync(join(target, 'src/cli'), { recursive: true });
  for (const name of PACKAGE) {
    cpSync(join(ROOT, name), join(target, name), { recursive: true });
  }
  for (const [from, suffix] of [
    ['build', '.wasm'],
    ['src/cli', '.mjs'],
  ] as const) {
    for (const name of readdirSync(join(ROOT, from)).filter((file) => file.endsWith(suffix))) {
      cpSync(join(ROOT, from, name), join(target, from, name));
    }
  }
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const project = join(ROOT, 'scripts/tsconfig.package.json');
  execFileSync(tsc, ['-p', project, '--outDir', join(target, 'lib')], { stdio: 'inherit' });
  symlinkSync('node_modules/orbweaver', join(root, 'opt/orbweaver'));
  mkdirSync(join(root, 'bin'));
  const command = `#!/bin/sh\nexec /bin/node /${INSTALLED}/src/cli/orbweaver.mjs "$@"\n`;
  writeFileSync(join(root, 'bin/orbweaver'), command, { mode: 0o755 });
}

/** Modes that do not depend on the umask of whoever builds. */
function openToAll(path: string): void {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) {
    return;
  }
  if (found.isDirectory()) {
    for (const name of readdirSync(path)) openToAll(join(path, name));
    chmodSync(path, path.endsWith('/base/tmp') ? WORLD_WRITABLE : 0o755);
  } else {
    chmodSync(path, (found.mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

if (process.argv[1] === import.meta.filename) {
  const archive = resolve(
    process.env.INIT_CWD ?? '',
    process.argv[2] ?? join(ROOT, 'build/image/orbweaver.tar'),
  );
  await buildImage(archive);
  console.log(`${archive}: ${imageName()}`);
}
