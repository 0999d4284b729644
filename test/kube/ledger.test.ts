import { KubernetesLedger } from '../../src/kube/ledger.ts';
import { ledgerSuite } from '../support/ledger-suite.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';
import { VirtualTimers } from '../support/virtual-timers.ts';

ledgerSuite('the API server', async () => {
  const ledger = await KubernetesLedger.open({
    api: new SimulatedApiServer().client('node-1'),
    node: 'node-1',
    journal: new MemoryJournal(),
    timers: new VirtualTimers(),
    random: () => 0.5,
  });
  return { ledger, close: () => ledger.close() };
});
