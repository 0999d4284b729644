/**
 * One buffer between host and engine for data of any length: range lists in, results out. It is kept from
 * call to call and replaced when a longer one is asked for, which loses its contents.
 */
import { allocate, release } from './memory/arena';
import { header } from './memory/header';

/** Offset of a buffer of at least `bytes`; 0 where memory cannot grow any further. */
export function reserveWorkspace(bytes: usize): usize {
  const top = header();
  if (top.workspace !== 0 && <usize>top.workspaceBytes >= bytes) return top.workspace;
  const wider = allocate(bytes);
  if (wider === 0) return 0;
  release(top.workspace, top.workspaceBytes);
  top.workspace = u32(wider);
  top.workspaceBytes = u32(bytes);
  return wider;
}
