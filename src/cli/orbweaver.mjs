#!/usr/bin/env node
// The command `orbweaver`, and `calicoctl` where it is linked under that name.
import { basename } from 'node:path';
import { loadTypeScript } from './load-typescript.mjs';

// Node reads TypeScript everywhere but under node_modules: an installed package runs its compiled form.
const installed = import.meta.url.includes('/node_modules/');
const form = installed ? '../../lib/cli/main.js' : './main.ts';
const { main } = await loadTypeScript(new URL(form, import.meta.url).href);
process.exitCode = await main(process.argv.slice(2), basename(process.argv[1]));
