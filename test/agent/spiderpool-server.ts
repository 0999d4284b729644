/** The use-cases over an embedded store, behind Spiderpool's agent API on a socket. */
import { join } from 'node:path';
import { PodEvents } from '../../src/agent/pod-events.ts';
import { refusePath, spiderpoolApiRoutes } from '../../src/agent/spiderpool-api.ts';
import { parseManifests } from '../../src/dialect/manifest.ts';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import { buildServer } from '../../src/http/server.ts';
import { listenOnSocket } from '../../src/http/unix-socket.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import type { Parts } from '../../src/ipam/parts.ts';
import { IpamService } from '../../src/ipam/service.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

export interface SpiderpoolServer {
  readonly socket: string;
  readonly store: EmbeddedStore;
  readonly service: IpamService;
  readonly parts: Parts;
  readonly events: PodEvents;
  /** Whether calls are served. */
  ready: boolean;
  apply(manifests: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts one on node `node1`. */
export async function startSpiderpoolServer(): Promise<SpiderpoolServer> {
  const folder = scratchFolder();
  const clock = { now: () => Date.now() };
  const node = 'node1';
  const store = await EmbeddedStore.open(join(folder, 'state'), { clock, node });
  const { ledger, cluster } = store;
  const allocator = new Allocator({ ledger, cluster, clock });
  const service = new IpamService({ ledger, cluster, allocator, clock, node });
  const events = new PodEvents(() => clock.now());
  const socket = join(folder, 'run', 'spiderpool.sock');
  const routes = spiderpoolApiRoutes({
    service: () => (server.ready ? service : undefined),
    ipam: () => (server.ready ? service.parts : undefined),
    clock,
    events,
    unanswered: () => {},
    released: () => {},
  });
  const http = await buildServer(routes, refusePath);
  await listenOnSocket(http.server, socket);
  const server: SpiderpoolServer = {
    socket,
    store,
    service,
    parts: service.parts,
    events,
    ready: true,
    apply: async (manifests) => {
      for (const object of parseManifests(manifests, 'test')) {
        await store.objects.apply(object);
      }
    },
    close: async () => {
      await http.close();
      await service.close();
      store.close();
    },
  };
  return server;
}
