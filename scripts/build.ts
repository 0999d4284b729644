/** Builds what is missing or older than its sources: the engine's WebAssembly modules and the CNI plugin. */
import { buildEngine } from './build-engine.ts';
import { buildPlugin } from './build-plugin.ts';

/** Says on standard error what takes its time, and nothing where all is up to date. */
export async function build(): Promise<void> {
  await buildEngine({ report: (text) => console.error(text) });
  buildPlugin();
}

if (process.argv[1] === import.meta.filename) {
  await build();
}
