// Starts a TypeScript file where that can work, else says in one line why not:
// `node scripts/launch.mjs FILE.ts [ARGUMENTS]`. The file sees itself as the program that was started.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadTypeScript } from '../src/cli/load-typescript.mjs';

const [node, , script, ...args] = process.argv;
if (script === undefined) {
  console.error('usage: node scripts/launch.mjs FILE.ts [ARGUMENTS]');
  process.exit(2);
}
const path = resolve(script);
process.argv = [node, path, ...args];
await loadTypeScript(pathToFileURL(path).href);
