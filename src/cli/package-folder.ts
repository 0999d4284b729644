/** Where this package lies: a checkout, or an installed package. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The absolute path of the nearest folder above this file that has a package.json. */
export const PACKAGE_FOLDER = packageFolder();

function packageFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) {
    folder = dirname(folder);
  }
  return folder;
}
