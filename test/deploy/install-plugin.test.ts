/** deploy/install-plugin.sh: the plugin under its names, whole or not at all. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildPlugin, PLUGIN_NAMES } from '../../scripts/build-plugin.ts';

const root = join(import.meta.dirname, '../..');
const plugin = buildPlugin()[0]!.file;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'install-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function install(...line: string[]) {
  const script = join(root, 'deploy/install-plugin.sh');
  const run = spawnSync('sh', [script, ...line], { encoding: 'utf8', cwd: folder });
  return { exit: run.status, stdout: run.stdout, stderr: run.stderr };
}

const missing = [
  ...(process.getuid?.() === 0 ? [] : ['root']),
  ...(spawnSync('setpriv', ['--version']).status === 0 ? [] : ['setpriv']),
];
describe.skipIf(missing.length > 0)(['in the pod of the agent', ...missing].join(': '), () => {
  test('writes into a folder of any owner, with the capabilities that the pod has', () => {
    const manifest = parse(readFileSync(join(root, 'deploy/base/agent.yaml'), 'utf8'));
    const [{ securityContext }] = manifest.spec.template.spec.initContainers;
    expect(securityContext.capabilities.drop).toEqual(['ALL']);
    const added: string[] = securityContext.capabilities.add ?? [];
    const bounds = ['-all', ...added.map((name) => `+${name.toLowerCase()}`)].join();
    // As installers leave it that have an account of their own.
    chownSync(folder, 1001, 1001);
    const script = join(root, 'deploy/install-plugin.sh');
    const rights = ['--bounding-set', bounds, '--inh-caps=-all'];
    const run = spawnSync('setpriv', [...rights, 'sh', script, '--keep-others', folder], {
      encoding: 'utf8',
    });
    expect([run.stderr, run.status]).toEqual(['', 0]);
    expect(readdirSync(folder).sort()).toEqual([...PLUGIN_NAMES].sort());
  });
});

describe('install-plugin.sh', () => {
  test('installs the plugin under its three names and leaves nothing else', () => {
    const run = install(join(folder, 'bin'));
    expect(run).toMatchObject({ exit: 0, stderr: '' });
    expect(readdirSync(join(folder, 'bin')).sort()).toEqual([...PLUGIN_NAMES].sort());
    for (const name of PLUGIN_NAMES) {
      const file = join(folder, 'bin', name);
      expect(readFileSync(file).equals(readFileSync(plugin))).toBe(true);
      expect(statSync(file).mode & 0o777).toBe(0o755);
      expect(run.stdout).toContain(`installed ${file}\n`);
    }
  });

  test('replaces its own plugin by rename, so that a running one is not disturbed', () => {
    install(folder);
    const before = statSync(join(folder, 'orbweaver')).ino;
    const busy = spawnSync('sh', [
      '-c',
      // The old file is being executed, which forbids writing into it.
      `CNI_COMMAND=ADD ORBWEAVER_SOCKET=/nowhere/cni.sock ${folder}/orbweaver </dev/null >/dev/null &
       running=$!; sh ${root}/deploy/install-plugin.sh ${folder}; code=$?; kill $running; exit $code`,
    ]);
    expect(busy.status).toBe(0);
    expect(statSync(join(folder, 'orbweaver')).ino).not.toBe(before);
  });

  test('installs only the names that are asked for', () => {
    expect(install('--name', 'orbweaver', '--name', 'calico-ipam', folder).exit).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['calico-ipam', 'orbweaver']);
  });

  test('keeps a program of somebody else, and changes nothing then', () => {
    const foreign = join(folder, 'calico-ipam');
    writeFileSync(foreign, '#!/bin/sh\n');
    const run = install(folder);
    expect(run.exit).toBe(1);
    expect(run.stderr).toContain(`${foreign} is another program; nothing was changed`);
    expect(readdirSync(folder)).toEqual(['calico-ipam']);
    expect(install('--replace', folder).exit).toBe(0);
    expect(readFileSync(foreign).equals(readFileSync(plugin))).toBe(true);
  });

  test('with --keep-others leaves such a program its name and takes the others', () => {
    const foreign = join(folder, 'calico-ipam');
    writeFileSync(foreign, '#!/bin/sh\n');
    for (const again of ['first', 'second']) {
      const run = install('--keep-others', folder);
      expect(run, again).toMatchObject({ exit: 0, stderr: '' });
      expect(run.stdout).toContain(`kept ${foreign}, which is another program\n`);
    }
    expect(readFileSync(foreign, 'utf8')).toBe('#!/bin/sh\n');
    expect(readdirSync(folder).sort()).toEqual([...PLUGIN_NAMES].sort());
    expect(readFileSync(join(folder, 'spiderpool')).equals(readFileSync(plugin))).toBe(true);
  });

  test('replaces a link by a file', () => {
    writeFileSync(join(folder, 'target'), 'orbweaver-agent');
    symlinkSync(join(folder, 'target'), join(folder, 'spiderpool'));
    expect(install(folder).exit).toBe(0);
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('orbweaver-agent');
    expect(readFileSync(join(folder, 'spiderpool')).equals(readFileSync(plugin))).toBe(true);
  });

  test('refuses a plugin that does not run here, unless told not to look', () => {
    const broken = join(folder, 'broken');
    writeFileSync(broken, '\x7fELF, but of another processor');
    chmodSync(broken, 0o755);
    const run = install('--from', broken, join(folder, 'bin'));
    expect(run.exit).toBe(1);
    expect(run.stderr).toContain('does not run on this machine');
    expect(readdirSync(folder)).toEqual(['broken']);
    expect(install('--from', broken, '--no-check', join(folder, 'bin')).exit).toBe(0);
  });

  test.each([
    [['--from', '/nowhere/plugin'], 'there is no plugin at /nowhere/plugin'],
    [['--from'], '--from needs a file'],
    [['--name', 'bridge'], '--name is one of orbweaver, spiderpool, calico-ipam'],
    [['--name'], '--name is one of'],
    [['--force'], 'unknown option --force'],
    [['a', 'b'], 'more than one folder: a and b'],
  ])('refuses the command line %j', (line, words) => {
    const run = install(...line);
    expect(run.exit).toBe(1);
    expect(run.stderr).toContain(words);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('explains itself', () => {
    const run = install('--help');
    expect(run).toMatchObject({ exit: 0, stderr: '' });
    for (const word of ['usage:', '--from', '--name', '--replace', '--no-check', 'examples:']) {
      expect(run.stdout).toContain(word);
    }
  });
});
