/** Builds what is missing or older than its sources: the engine's WebAssembly modules and the CNI plugin. */
import { buildEngine } from './build-engine.ts';
import { buildPlugin } from './build-plugin.ts';

await buildEngine();
await buildPlugin();
