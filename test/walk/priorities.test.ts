/** The third tutorial comes out as it is written: priorities, backup pools and selectors. */
import { beforeAll, describe, expect, test } from 'vitest';
import { Told } from './told.ts';
import { WalkProcess } from './walk-process.ts';

const LONG_MS = 120_000;
const SPL = ['NAME', 'VERSION', 'SUBNET', 'ALLOCATED-IP-COUNT', 'TOTAL-IP-COUNT', 'DISABLE'];
const SWE = 'NAME,INTERFACE,IPV4POOL,IPV4,IPV6POOL,IPV6,NODE,CREATETION TIME'.split(',');

/** The walk of one part, to its end. */
function telling(part: string): () => Told {
  let told: Told;
  beforeAll(async () => {
    const walk = new WalkProcess(`priorities/${part}`, '--once', '--no-netns');
    const exit = await walk.exit;
    const { output } = walk;
    expect({ exit, output }).toMatchObject({ exit: 0 });
    expect(output).not.toContain('NOT AS EXPECTED');
    walk.expectNothingLeft();
    told = new Told(output);
  }, LONG_MS);
  return () => told;
}

describe('sources:', () => {
  const told = telling('sources');

  test.each([
    ['no-annotation', 'plain', 'cluster default'],
    ['no-annotation', 'annotated', 'namespace default'],
    ['ippool', 'plain', 'pod ippool'],
    ['ippool', 'annotated', 'pod ippool'],
    ['ippool-and-ippools', 'plain', 'pod ippools'],
    ['ippool-and-ippools', 'annotated', 'pod ippools'],
  ])('the pools of %s in %s are those of the %s', (pod, namespace, source) => {
    const lines = told().of(`explain pod ${pod} -n ${namespace}`);
    expect(lines).toContain(`Source: ${source} (dialect spiderpool).`);
  });

  test('each pod has addresses of the pools of its source', () => {
    const rows = told().table('get swe -A');
    const pools = Object.fromEntries(
      rows.map(([namespace, name, , v4, , v6]) => [`${namespace}/${name}`, [v4, v6]]),
    );
    const [first, cluster] = [
      ['v4-ippool1', 'v6-ippool1'],
      ['default-v4-ippool', 'default-v6-ippool'],
    ];
    expect(pools).toEqual({
      'NAMESPACE/NAME': ['IPV4POOL', 'IPV6POOL'],
      'annotated/ippool': first,
      'annotated/ippool-and-ippools': first,
      'annotated/ippools': first,
      'annotated/no-annotation': first,
      'plain/ippool': first,
      'plain/ippool-and-ippools': first,
      'plain/ippools': first,
      'plain/no-annotation': cluster,
    });
  });

  test('the second interface takes what was claimed with the first', () => {
    const taken = told().output.matchAll(/ippools eth1 +\d+ ms +(\S+), (\S+)$/gm);
    for (const [, v4, v6] of taken) {
      expect([v4, v6]).toEqual([
        expect.stringMatching(/^172\.20\.2\.\d+\/24$/),
        expect.stringMatching(/^fd00:20:2::\w+\/64$/),
      ]);
    }
    const last = told().all('get spl').at(-1)!;
    expect(last.find((line) => line.startsWith('v4-ippool2'))).toMatch(/ 172.20.2.0\/24 +4 +90 /);
  });
});

describe('backup:', () => {
  const told = telling('backup');

  test('get spl has the columns and the counts of the tutorial', () => {
    expect(told().table('get spl')).toEqual([
      SPL,
      ['backup-v4-ippool', 'IPv4', '172.18.0.0/16', '1', '5', 'false'],
      ['default-v4-ippool', 'IPv4', '172.18.0.0/16', '5', '5', 'false'],
    ]);
  });

  test('sample-backup has 172.18.40.40 of the second pool', () => {
    const [header, row] = told().table('get swe sample-backup -n default');
    const [name, ...more] = ['sample-backup', 'eth0', 'backup-v4-ippool', '172.18.40.40/16'];
    expect(header).toEqual(SWE);
    expect(row).toEqual([name, ...more, '', '', 'spider-worker', expect.stringMatching(/^\d+s$/)]);
  });

  test('explain says in advance which pool is full and which address comes', () => {
    const lines = told().of('explain pod sample-backup');
    expect(lines).toContain('Next address: 172.18.40.40 of pool backup-v4-ippool');
    expect(lines.find((line) => line.includes('default-v4-ippool  '))).toMatch(/candidate +0 +5 /);
  });
});

describe('selectors:', () => {
  const told = telling('selectors');

  test('my-deploy is refused by namesapceSelector', () => {
    expect(told().output).toMatch(
      /Warning +FailedCreatePodSandBox .*\[default\/my-deploy-.*unmatched Namespace affinity of IPPool default-v4-ippool$/m,
    );
    expect(told().table('get deploy my-deploy')[1]!.slice(0, 2)).toEqual(['my-deploy', '0/1']);
  });

  test('explain names the missing label, and warns of a default pool with a selector', () => {
    expect(told().output).toContain('namespace default: label foo is missing, wanted In [bar]');
    expect(told().output).toMatch(/Warning: .*default-v4-ippool/);
  });
});

describe('nodes:', () => {
  const told = telling('nodes');

  test('get swe shows each pod with the pool of its node', () => {
    const [header, ...rows] = told().table('get swe -n default');
    expect(header).toEqual(SWE);
    expect(rows).toHaveLength(5);
    for (const [, , pool, address, , , node] of rows) {
      const last = Number(/^172\.18\.50\.(\d+)\/16$/.exec(address!)![1]);
      const isMaster = node === 'control-plane';
      expect(pool).toBe(isMaster ? 'master-v4-ippool' : 'worker-v4-ippool');
      expect(last >= (isMaster ? 41 : 51) && last <= (isMaster ? 50 : 60)).toBe(true);
    }
    expect(new Set(rows.map((row) => row[6]))).toEqual(new Set(['control-plane', 'worker']));
  });

  test('explain says why the pool of the other nodes was passed over', () => {
    expect(told().output).toMatch(/unmatched Node affinity of IPPool worker-v4-ippool \(node/);
  });
});
