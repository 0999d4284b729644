/** A ledger with nothing around it, and what it sends. */
import type { PatchOperation } from '../../src/kube/api.ts';
import { KubernetesLedger } from '../../src/kube/ledger.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import type { SimulatedApiServer } from '../support/simulated-api-server.ts';
import { VirtualTimers } from '../support/virtual-timers.ts';

/** A ledger of its own client on a server; `open` is its next life. */
export async function bareLedger(server: SimulatedApiServer, client = 'node-1') {
  const timers = new VirtualTimers();
  const journal = new MemoryJournal();
  const openWith = (kept: MemoryJournal) =>
    KubernetesLedger.open({
      api: server.client(client),
      node: client,
      journal: kept,
      timers,
      random: () => 0.5,
    });
  const open = () => openWith(journal.reopened());
  return { ledger: await openWith(journal), timers, journal, open, openWith };
}

/** The patches that wait. */
export const patchesOf = (server: SimulatedApiServer) =>
  server.held.filter(({ verb }) => verb === 'patch').map(({ body }) => body as PatchOperation[]);

/** The slots that a patch writes. */
export const slotsOf = (operations: readonly PatchOperation[]) =>
  operations.flatMap(({ op, path }) =>
    op === 'add' && path.startsWith('/spec/slots/') ? [Number(path.split('/').at(-1))] : [],
  );
