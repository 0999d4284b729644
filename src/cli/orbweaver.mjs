#!/usr/bin/env node
// The command `orbweaver`. Plain JavaScript in the syntax of old Nodes, so that one of those says in a line
// what is missing instead of failing to read TypeScript.
import './require-node.mjs';

// Node reads TypeScript everywhere but under node_modules: an installed package runs its compiled form.
const installed = import.meta.url.includes('/node_modules/');
const { main } = await import(installed ? '../../lib/cli/main.js' : './main.ts');
process.exitCode = await main(process.argv.slice(2));
