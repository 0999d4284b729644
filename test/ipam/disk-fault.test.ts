import { describe, expect, test } from 'vitest';
import { poolManifest } from '../process/pools.ts';
import { Machine } from '../support/machine.ts';

const ONE = poolManifest({ name: 'one', subnet: '10.3.0.0/24', ips: ['10.3.0.10'] });

describe('while the disk fails', () => {
  /** SQLITE_IOERR_FSYNC, as SQLite reports it. */
  const IO_ERROR = Object.assign(new Error('disk I/O error'), { errcode: 1034 });

  test('ADDs that are refused take no address from those that come later', async () => {
    let failing = false;
    using machine = await Machine.start([ONE], (point) => {
      if (failing && point !== 'begin') {
        throw IO_ERROR;
      }
    });
    failing = true;
    const refused = await machine.call({ verb: 'ADD', container: 'c1' });
    expect(refused).toMatchObject({ ok: false, error: { code: 11 } });
    expect(await machine.call({ verb: 'STATUS' })).toMatchObject({ error: { code: 50 } });
    failing = false;
    expect(await machine.add({ container: 'c2' })).toEqual(['10.3.0.10/24']);
  });

  test('an ADD that is refused although its write arrived can be made again', async () => {
    let failures = 0;
    using machine = await Machine.start([ONE], (point) => {
      if (failures > 0 && point === 'committed') {
        failures -= 1;
        throw IO_ERROR;
      }
    });
    failures = 10;
    const refused = await machine.call({ verb: 'ADD', container: 'c1' });
    expect(refused).toMatchObject({ ok: false, error: { code: 11 } });
    failures = 0;
    expect(await machine.add({ container: 'c1' })).toEqual(['10.3.0.10/24']);
    await machine.del({ container: 'c1' });
    expect(await machine.add({ container: 'c2' })).toEqual(['10.3.0.10/24']);
  });
});
