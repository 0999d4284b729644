/** What a cluster could leave behind on this machine, as one list of lines to compare before and after. */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { controlGroupsNamed } from './control-groups.ts';

const SETTINGS = [
  ...['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'],
  ...['kernel/keys/root_maxkeys', 'net/ipv4/ip_forward'],
];

/** `mark` tells this cluster's processes, mounts, groups and folders from those of others. */
export function machineState(mark: string): string[] {
  return [
    ...processesWith(mark).map((line) => `process ${line}`),
    ...linesWith('/proc/self/mounts', mark).map((line) => `mount ${line}`),
    ...controlGroupsNamed(mark).map((path) => `group ${path}`),
    ...readdirSync(tmpdir())
      .filter((name) => name.startsWith(mark))
      .map((name) => `folder ${name}`),
    ...readdirSync('/sys/class/net').map((name) => `link ${name}`),
    ...SETTINGS.map((name) => `${name} ${readFileSync(`/proc/sys/${name}`, 'utf8').trim()}`),
  ].sort();
}

/** Command lines, and those of processes whose control group is the cluster's. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
        return line.includes(mark) || groups.includes(mark) ? [line] : [];
      } catch {
        return [];
      }
    });
}

function linesWith(path: string, mark: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.includes(mark));
}
