/** Folders for tests that write real files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];

/** A new empty folder, which goes with the test file. */
export function scratchFolder(): string {
  if (made.length === 0) {
    afterAll(() => {
      for (const folder of made) {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
  const folder = mkdtempSync(join(tmpdir(), 'orbweaver-test-'));
  made.push(folder);
  return folder;
}
