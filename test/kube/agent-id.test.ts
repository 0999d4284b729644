import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { agentId } from '../../src/kube/agent-id.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

test('an id is made once and kept', () => {
  const folder = scratchFolder();
  const id = agentId(folder);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  expect(agentId(folder)).toBe(id);
  expect(readFileSync(join(folder, 'agent-id'), 'utf8')).toBe(`${id}\n`);
});

test('two folders have two ids', () => {
  expect(agentId(scratchFolder())).not.toBe(agentId(scratchFolder()));
});

test.each([
  ['empty', ''],
  ['cut off', '6b1f0c6e-5a0e-4c'],
  ['of something else', 'hello\n'],
])('a file that is %s is replaced', (_what, text) => {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'agent-id'), text);
  const id = agentId(folder);
  expect(id).toHaveLength(36);
  expect(agentId(folder)).toBe(id);
});

test('a folder that is not there is named', () => {
  expect(() => agentId('/nowhere/at/all')).toThrow(
    expect.objectContaining({ code: 'IO_FAILURE', message: expect.stringContaining('/nowhere') }),
  );
});
