/**
 * Finds, compiles and instantiates the engine's WebAssembly builds.
 */
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import type { EngineExports } from './abi.ts';

/** The builds of one source: baseline runs everywhere, simd where the host has v128, debug has names. */
export type EngineBuild = 'baseline' | 'simd' | 'debug';

export interface LoadOptions {
  /** `auto`, the default, is simd where the host can run it and baseline elsewhere. */
  readonly build?: 'auto' | EngineBuild;
}

const FILES = {
  baseline: 'engine.wasm',
  simd: 'engine-simd.wasm',
  debug: 'engine-debug.wasm',
} as const satisfies Record<EngineBuild, string>;

/** The smallest module that needs v128: one function that makes a vector and drops it. */
const SIMD_PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x09, 0x01, 0x07, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x1a, 0x0b],
);

const compiled = new Map<EngineBuild, WebAssembly.Module>();

/** The build that `load` takes for these options. */
export function chooseBuild(options: LoadOptions = {}): EngineBuild {
  if (options.build !== undefined && options.build !== 'auto') return options.build;
  return WebAssembly.validate(SIMD_PROBE) ? 'simd' : 'baseline';
}

/** The file of a build. */
export function engineFile(build: EngineBuild): URL {
  return new URL(`../../build/${FILES[build]}`, import.meta.url);
}

/** A new instance of a build. Throws where the build was never made. */
export function instantiate(build: EngineBuild): EngineExports {
  let module = compiled.get(build);
  if (module === undefined) {
    module = new WebAssembly.Module(readBuild(build));
    compiled.set(build, module);
  }
  // The exports of the instance itself: the loader's own go through a wrapper for optional arguments.
  return instantiateSync(module, {}).instance.exports as unknown as EngineExports;
}

function readBuild(build: EngineBuild): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(readFileSync(engineFile(build)));
  } catch (cause) {
    throw new Error(`build/${FILES[build]} cannot be read; run: npm run build`, { cause });
  }
}
