/** Builders of the programs of a cluster, with a compiler that only takes note of what it was asked for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchFolder } from '../support/scratch-folder.ts';
import { cacheFolder, PROGRAMS } from './support/release.ts';

const SCRIPT = join(import.meta.dirname, '../../scripts/cluster.ts');

const SOON = { timeout: 20_000, interval: 10 };

/** Writes to the file after `-o`, and the last argument to a log. Fails for kubectl where it is told to. */
const COMPILER = `#!/bin/sh
while [ $# -gt 1 ]; do
  if [ "$1" = -o ]; then out=$2; fi
  shift
done
echo "$1" >> "$BUILT"
if [ -n "$REFUSED" ] && [ "$1" = "$REFUSED" ]; then echo 'it does not compile' >&2; exit 1; fi
while [ -n "$GATE" ] && [ ! -e "$GATE" ]; do sleep 0.02; done
printf '#!/bin/sh\\n' > "$out"
chmod +x "$out"
`;

/** One machine with a compiler and an empty cache. */
function machine() {
  const folder = scratchFolder();
  const built = join(folder, 'built');
  const go = join(folder, 'go');
  writeFileSync(built, '');
  writeFileSync(go, COMPILER);
  chmodSync(go, 0o755);
  const env = { PATH: `${folder}:/usr/bin:/bin`, XDG_CACHE_HOME: folder, BUILT: built };
  return {
    built: () => readFileSync(built, 'utf8').trim().split('\n').sort(),
    cached: () => readdirSync(join(folder, 'orbweaver', cacheFolder().split('/').at(-1)!)).sort(),
    gate: join(folder, 'gate'),
    start(more: Record<string, string> = {}) {
      return new Builder({ ...env, ...more });
    },
  };
}

/** One run, and what it has said so far. */
class Builder {
  said = '';
  readonly ended: Promise<number>;

  constructor(env: Record<string, string>) {
    const child = spawn(process.execPath, [SCRIPT, 'build'], { env });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    this.ended = once(child, 'close').then(([code]) => code as number);
  }
}

test('two builders at once build each program once, and say what they do', async () => {
  const one = machine();
  const first = one.start({ GATE: one.gate });
  await expect.poll(() => first.said, SOON).toContain('building 1 of 6: etcd');
  const second = one.start();
  await expect.poll(() => second.said, SOON).toContain('another run builds the programs');
  writeFileSync(one.gate, '');
  expect(await Promise.all([first.ended, second.ended])).toEqual([0, 0]);
  expect(one.built()).toEqual(Object.values(PROGRAMS).sort());
  expect(one.cached()).toEqual(Object.keys(PROGRAMS).sort());
  expect(first.said).toContain('built 6 of 6: kubelet');
});

test('what does not compile is named, and the rest is kept for the next run', async () => {
  const one = machine();
  const refused = one.start({ REFUSED: PROGRAMS.kubectl });
  expect(await refused.ended).toBe(1);
  expect(refused.said).toContain('kubectl could not be built:\nit does not compile');
  expect(one.cached()).toEqual(
    ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].sort(),
  );
  expect(await one.start().ended).toBe(0);
  expect(one.cached()).toEqual(Object.keys(PROGRAMS).sort());
});
