/** Control groups of our own in every hierarchy of cgroup v1; those of the machine are not touched. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
const EMPTY_POLL_MS = 20;
const EMPTY_WAIT_MS = 30_000;

/** Those a kubelet looks into. A machine with cgroup v2 alone has none of them. */
const HIERARCHIES = [
  ...['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'],
] as const;

/** Hierarchies that this machine lacks. */
export function absentHierarchies(): string[] {
  return HIERARCHIES.filter((name) => !existsSync(join(ROOT, name, 'cgroup.procs')));
}

/** Makes the group in every hierarchy. `path` is relative to each root. */
export function makeControlGroups(path: string): void {
  for (const hierarchy of HIERARCHIES) {
    let parent = join(ROOT, hierarchy);
    for (const name of path.split('/')) {
      const group = join(parent, name);
      mkdirSync(group, { recursive: true });
      if (hierarchy === 'cpuset') inherit(parent, group);
      parent = group;
    }
  }
}

/** A new group of this hierarchy may run nowhere until it is told where. */
function inherit(parent: string, group: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readFileSync(join(group, file), 'utf8').trim() === '') {
      writeFileSync(join(group, file), readFileSync(join(parent, file)));
    }
  }
}

/** Removes the group with all below it in every hierarchy, once their processes are gone. */
export async function removeControlGroups(path: string): Promise<void> {
  for (const hierarchy of HIERARCHIES) {
    const until = performance.now() + EMPTY_WAIT_MS;
    while (!removeTree(join(ROOT, hierarchy, path))) {
      if (performance.now() > until) throw new Error(`${hierarchy}/${path} still has processes`);
      await pause(EMPTY_POLL_MS);
    }
  }
}

function removeTree(group: string): boolean {
  if (!existsSync(group)) return true;
  try {
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeTree(join(group, entry.name))) return false;
    }
    rmdirSync(group);
    return true;
  } catch {
    // Busy: a process in it has not quite gone.
    return false;
  }
}

/** Groups of ours, below any hierarchy, whose name begins with this. */
export function controlGroupsNamed(prefix: string): string[] {
  return HIERARCHIES.flatMap((hierarchy) => {
    const root = join(ROOT, hierarchy);
    const names = existsSync(root) ? readdirSync(root) : [];
    return names.filter((name) => name.startsWith(prefix)).map((name) => join(root, name));
  });
}
