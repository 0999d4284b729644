/** examples/conflists: what a user copies must be readable by every runtime and reach our plugin. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PLUGIN_NAMES } from '../../scripts/build-plugin.ts';

const folder = join(import.meta.dirname, '../../examples/conflists');
const files = readdirSync(folder).filter((name) => name.endsWith('.conflist'));
const readme = readFileSync(join(folder, 'README.md'), 'utf8');

interface Conflist {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly { readonly type: string; readonly ipam?: { readonly type: string } }[];
}

test('there is a sample for each runtime and for each name of the plugin', () => {
  expect(files).toEqual(expect.arrayContaining(['podman', 'nerdctl', 'containerd'].map(conflist)));
  expect(new Set(files.map((file) => ipamOf(read(file)).type))).toEqual(new Set(PLUGIN_NAMES));
});

function conflist(name: string): string {
  return `${name}.conflist`;
}

function read(file: string): Conflist {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as Conflist;
}

/** The ipam section of the first plugin; the others in a chain have none. */
function ipamOf(list: Conflist): { readonly type: string } {
  const [main, ...chained] = list.plugins;
  expect(chained.filter((plugin) => plugin.ipam !== undefined)).toEqual([]);
  return main!.ipam!;
}

describe.each(files)('%s', (file) => {
  const list = read(file);

  test('has a version and a name that a runtime accepts', () => {
    expect(['0.3.1', '0.4.0', '1.0.0', '1.1.0']).toContain(list.cniVersion);
    expect(list.name).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/);
  });

  test('takes addresses from the plugin under one of its names', () => {
    expect(PLUGIN_NAMES).toContain(ipamOf(list).type);
  });

  test('is explained in the README beside it', () => {
    expect(readme).toContain(`\`${file}\``);
  });

  test('is written as JSON is formatted here', () => {
    const text = readFileSync(join(folder, file), 'utf8');
    expect(text).toBe(`${JSON.stringify(list, null, 2)}\n`);
  });
});
