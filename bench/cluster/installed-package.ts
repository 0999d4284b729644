/** The npm package as it is when it is installed: compiled, so that Node needs nothing to strip types with. */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from '../../src/cli/walk/run-process.ts';

const ROOT = join(import.meta.dirname, '../..');
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');

export class InstalledPackage implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'orbweaver-installed-'));

  /** Compiles the sources, as they are. Rejects with what the compiler says. */
  static async make(): Promise<InstalledPackage> {
    const made = new InstalledPackage();
    const project = join(ROOT, 'scripts/tsconfig.package.json');
    const command = [COMPILER, '-p', project, '--noCheck', '--outDir', join(made.#package, 'lib')];
    const { exit, out, err } = await runProcess(process.execPath, command);
    if (exit !== 0) {
      made[Symbol.dispose]();
      throw new Error(`not compiled: ${out}${err}`);
    }
    for (const part of [
      'package.json',
      'src/cli/orbweaver.mjs',
      'src/cli/load-typescript.mjs',
      'build',
    ]) {
      cpSync(join(ROOT, part), join(made.#package, part), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(made.#package, 'node_modules'));
    return made;
  }

  get #package(): string {
    return join(this.#folder, 'node_modules/orbweaver');
  }

  /** The file of `orbweaver`. */
  get command(): string {
    return join(this.#package, 'src/cli/orbweaver.mjs');
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
