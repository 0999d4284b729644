/**
 * The file system of a node: the machine's own, with folders of the node's own where a node writes, and with copies
 * of the system settings that a kubelet would otherwise change for the whole machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What a kubelet wants there; it writes them if they differ. */
const SETTINGS: Readonly<Record<string, number>> = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
};

/** Where a node has a folder of its own. */
const FOLDERS = ['opt', 'run', 'var/lib', 'var/log', 'etc/cni'] as const;

export class NodeRoot {
  readonly #folder: string;

  /** `folder` is where the node's own files are, as seen from outside. */
  constructor(folder: string) {
    this.#folder = folder;
    for (const name of [...FOLDERS, 'layer/etc/cni', 'work']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    for (const [name, value] of Object.entries(SETTINGS)) {
      const file = join(folder, 'settings', name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${value}\n`);
    }
    for (const name of ['opt/cni/bin', 'etc/cni/net.d', 'run/containerd', 'run/orbweaver']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
  }

  /** The path outside of what the node sees below one of its own folders. */
  outside(path: string): string {
    return join(this.#folder, path);
  }

  /** Shell lines that set it up in a mount namespace that was just made. */
  get mounts(): string {
    const own = FOLDERS.map((name) => `mount --bind '${join(this.#folder, name)}' '/${name}'`);
    const settings = Object.keys(SETTINGS).map(
      (name) => `mount --bind '${join(this.#folder, 'settings', name)}' '/proc/sys/${name}'`,
    );
    const layers = [
      'lowerdir=/etc',
      `upperdir=${join(this.#folder, 'layer/etc')}`,
      `workdir=${join(this.#folder, 'work')}`,
    ];
    return [
      // Pods may ask for mounts that spread to the node; here they spread no further.
      'mount --make-rshared /',
      // A layer over /etc is there for the folder that /etc/cni wants; nobody may change it from outside.
      `mount -t overlay overlay -o '${layers.join(',')}' /etc`,
      ...own,
      ...settings,
    ].join('\n');
  }
}
