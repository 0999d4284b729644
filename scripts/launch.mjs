// Starts a TypeScript file where Node can read it, else says so in one line: `node scripts/launch.mjs FILE …`.
// The file sees itself as the program that was started. Plain JavaScript in the syntax of old Nodes.
import '../src/cli/require-node.mjs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [node, , script, ...args] = process.argv;
if (script === undefined) {
  console.error('usage: node scripts/launch.mjs FILE.ts [ARGUMENTS]');
  process.exit(2);
}
const path = resolve(script);
process.argv = [node, path, ...args];
await import(pathToFileURL(path).href);
