import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import { ledgerSuite } from '../support/ledger-suite.ts';
import { ModelLedger } from '../support/model-ledger.ts';

ledgerSuite('the model', () => ({ ledger: new ModelLedger(), close: () => {} }));

ledgerSuite('the embedded store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'orbweaver-ledger-'));
  const store = EmbeddedStore.open(folder, { clock: { now: () => 0 } });
  return {
    ledger: store.ledger,
    close: () => {
      store.close();
      rmSync(folder, { recursive: true });
    },
  };
});
