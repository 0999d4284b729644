/** Beginning: a new engine, or one whose memory was filled from a snapshot. */
import { growTo } from './memory/arena';
import { ABI_VERSION, ARENA, header, MAGIC } from './memory/header';
import { checkLayouts } from './memory/layout-checks';
import { STATUS_IMAGE_INVALID, STATUS_MEMORY_FULL, STATUS_OK } from './status';

/**
 * Must be the first call. Writes the header where memory is still all zero; where a snapshot was copied in,
 * checks that it is one of this ABI version. Answers OK, IMAGE_INVALID or MEMORY_FULL.
 */
export function open(): i32 {
  checkLayouts();
  const top = header();
  if (top.magic === 0 && top.abiVersion === 0 && top.length === 0) {
    if (!growTo(ARENA)) return STATUS_MEMORY_FULL;
    top.magic = MAGIC;
    top.abiVersion = ABI_VERSION;
    top.length = u32(ARENA);
    return STATUS_OK;
  }
  if (top.magic !== MAGIC || top.abiVersion !== ABI_VERSION) return STATUS_IMAGE_INVALID;
  const bytes = (<u64>u32(memory.size())) << 16;
  if (<usize>top.length < ARENA || <u64>top.length > bytes) return STATUS_IMAGE_INVALID;
  return STATUS_OK;
}
