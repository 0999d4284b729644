/** Debian's host-local, the plugin that stands beside ours. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartedPlugin } from './started-plugin.ts';

const PROGRAM = '/usr/lib/cni/host-local';
const NETWORK = 'bench';

/** Whether it is installed here. */
export function hasHostLocal(): boolean {
  return existsSync(PROGRAM);
}

/** A host-local with a data folder of its own below `folder`, and a /16 to give from. */
export function hostLocal(folder: string): StartedPlugin {
  return new StartedPlugin({
    folder,
    program: PROGRAM,
    config: {
      cniVersion: '1.0.0',
      name: NETWORK,
      ipam: {
        type: 'host-local',
        dataDir: join(folder, 'data'),
        ranges: [[{ subnet: '10.77.0.0/16' }]],
      },
    },
    env: {},
  });
}

/**
 * Lets it hold `count` addresses: a file per address, named by it, holding container id and interface, and a
 * file with the address that was given last, as it writes them itself. Its own ADDs would take minutes.
 */
export function holdInHostLocal(folder: string, count: number): void {
  const data = join(folder, 'data', NETWORK);
  mkdirSync(data, { recursive: true });
  let address = '';
  for (let at = 0; at < count; at += 1) {
    address = `10.77.${(at + 2) >> 8}.${(at + 2) & 255}`;
    writeFileSync(join(data, address), `${'f'.repeat(48)}${at}\r\neth0`);
  }
  writeFileSync(join(data, 'last_reserved_ip.0'), address);
}
