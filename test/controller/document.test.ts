/** docs/controller.md names every Event and every figure of the controller, and no others. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ControllerMetrics } from '../../src/http/controller-metrics.ts';

const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/controller.md'), 'utf8');

function section(title: string): string[] {
  const part = page.split(/^## /m).find((text) => text.startsWith(title)) ?? '';
  return [...part.matchAll(/^\| `(\w+)[^`]*` \|/gm)].map((match) => match[1]!).sort();
}

test('Events', () => {
  const folder = join(ROOT, 'src/controller');
  // What is said about objects; conditions have reasons of their own.
  const reasons = ['pool-alarm.ts', 'block-duty.ts', 'dead-node-duty.ts'].flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return [...text.matchAll(/'((?:[A-Z][a-z]+){2,})'/g)].map((match) => match[1]!);
  });
  const saying = readdirSync(folder).filter((file) =>
    /herald\.say\(/.test(readFileSync(join(folder, file), 'utf8')),
  );
  expect(saying.sort()).toEqual(['block-duty.ts', 'dead-node-duty.ts', 'pool-alarm.ts']);
  expect(section('Events')).toEqual([...new Set(reasons)].sort());
});

test('metrics', async () => {
  const metrics = new ControllerMetrics({
    leads: () => true,
    waiting: () => ({ endpoints: 1 }),
    claims: () => 2,
    quarantined: () => 3,
    freed: () => 4,
    pools: () => [{ pool: 'p', dialect: 'calico', used: 5, total: 6 }],
  });
  const text = await metrics.text();
  const names = [...text.matchAll(/^# TYPE (orbweaver_\w+)/gm)].map((match) => match[1]!);
  expect(section('Metrics')).toEqual(names.sort());
  for (const line of [
    'orbweaver_controller_leads 1',
    'orbweaver_controller_waiting{what="endpoints"} 1',
    'orbweaver_controller_claims 2',
    'orbweaver_controller_quarantined 3',
    'orbweaver_controller_freed_total 4',
    'orbweaver_controller_pool_addresses{pool="p",dialect="calico",state="used"} 5',
    'orbweaver_controller_pool_addresses{pool="p",dialect="calico",state="total"} 6',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
});
