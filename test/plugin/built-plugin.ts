/** The plugin as the tests run it: every variant that can be built here, with and without short waits. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  compilePlugin,
  compilerOf,
  HOST_VARIANTS,
  type Variant,
} from '../../scripts/build-plugin.ts';

const emulator = 'qemu-aarch64-static';

/** Waits of the impatient build, in milliseconds. Rows that must time out use it, the others never do. */
export const IMPATIENT = {
  STDIN_WAIT_MS: 400,
  CONNECT_WAIT_MS: 600,
  SEND_WAIT_MS: 500,
  REPLY_WAIT_MS: 1500,
  STDOUT_WAIT_MS: 500,
} as const;

/** One build to test. `patient` has the waits of the installed plugin; `runner` starts foreign binaries. */
export interface BuiltPlugin {
  readonly variant: Variant;
  readonly patient: string;
  readonly impatient: string;
  readonly runner: readonly string[];
}

/** Every variant with either its builds or the name of what is missing here. */
export function builtPlugins(): { built: BuiltPlugin[]; missing: [Variant, string][] } {
  const built: BuiltPlugin[] = [];
  const missing: [Variant, string][] = [];
  for (const variant of [...HOST_VARIANTS, 'arm64'] as const) {
    const lack = whatIsMissing(variant);
    if (lack === undefined) built.push(build(variant));
    else missing.push([variant, lack]);
  }
  return { built, missing };
}

/** The first host variant, for what does not depend on the variant. */
export function anyBuiltPlugin(): BuiltPlugin {
  const variant = HOST_VARIANTS.find((one) => whatIsMissing(one) === undefined);
  if (variant === undefined) throw new Error('no C compiler is installed');
  return build(variant);
}

function whatIsMissing(variant: Variant): string | undefined {
  if (compilerOf(variant) === undefined) return `no compiler for ${variant}`;
  if (variant === 'arm64' && process.arch !== 'arm64') {
    if (spawnSync(emulator, ['--version'], { stdio: 'ignore' }).status !== 0) {
      return `no ${emulator} to run it`;
    }
  }
  return undefined;
}

function build(variant: Variant): BuiltPlugin {
  const folder = join(import.meta.dirname, '../../build/test-plugin');
  const defines = Object.entries(IMPATIENT).map(([name, value]) => `${name}=${value}`);
  const digest = createHash('sha256').update(defines.join()).digest('hex').slice(0, 8);
  return {
    variant,
    patient: compilePlugin(variant, join(folder, variant, 'orbweaver')).file,
    impatient: compilePlugin(variant, join(folder, variant, `impatient-${digest}`), defines).file,
    runner: variant === 'arm64' && process.arch !== 'arm64' ? [emulator] : [],
  };
}
