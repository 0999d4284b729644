/** The fourth tutorial comes out as it is written: Calico's pools, one per namespace. */
import { beforeAll, describe, expect, test } from 'vitest';
import { cidrContains, parseCidr } from '../../src/net/cidr.ts';
import { Told } from './told.ts';
import { WalkProcess } from './walk-process.ts';

const LONG_MS = 120_000;
const MESSAGE = 'the given pool (10.64.0.0/20) does not exist, or is not enabled';
const LINE = '+----------+---------------+-----------+------------+--------------+';

let told: Told;

beforeAll(async () => {
  const walk = new WalkProcess('calico-namespaces', '--once', '--no-netns');
  const exit = await walk.exit;
  const { output } = walk;
  expect({ exit, output }).toMatchObject({ exit: 0 });
  expect(output).not.toContain('NOT AS EXPECTED');
  walk.expectNothingLeft();
  told = new Told(output);
}, LONG_MS);

describe('the walk', () => {
  test('prints get ippool -o wide as the tutorial does, before and after the pool is disabled', () => {
    const pools = (disabled: boolean) => [
      'NAME                  CIDR            NAT    IPIPMODE   VXLANMODE     DISABLED   DISABLEBGPEXPORT   SELECTOR',
      'default-ipv4-ippool   10.255.0.0/16   true   Never      CrossSubnet   false      false              all()',
      `external-pool         10.64.0.0/20    true   Never      CrossSubnet   ${disabled ? 'true ' : 'false'}      false              all()`,
      'internal-pool         10.64.16.0/20   true   Never      CrossSubnet   false      false              all()',
    ];
    const printed = told
      .all('get ippool -o wide')
      .map((lines) => lines.map((one) => one.trimEnd()));
    expect(printed).toEqual([pools(false), pools(true)]);
  });

  test.each([
    ['external-ns', '10.64.0.0/20'],
    ['internal-ns', '10.64.16.0/20'],
  ])('gives nine pods of %s addresses of %s, each node inside one /26', (namespace, pool) => {
    const [header, ...rows] = told.table(`get pods -o wide -n ${namespace}`);
    expect(header).toEqual(
      'NAME,READY,STATUS,RESTARTS,AGE,IP,NODE,NOMINATED NODE,READINESS GATES'.split(','),
    );
    expect(rows).toHaveLength(9);
    const blocks = new Map<string, Set<string>>();
    for (const [, ready, status, , , ip, node] of rows) {
      expect([ready, status]).toEqual(['1/1', 'Running']);
      expect(cidrContains(parseCidr(pool)!.cidr, parseCidr(`${ip}/32`)!.address)).toBe(true);
      const octets = ip!.split('.').map(Number);
      const block = `${octets.slice(0, 3).join('.')}.${octets[3]! & 0xc0}`;
      blocks.set(node!, (blocks.get(node!) ?? new Set()).add(block));
    }
    expect([...blocks.values()].map((ofNode) => ofNode.size)).toEqual([1, 1, 1]);
    expect(new Set([...blocks.values()].flatMap((ofNode) => [...ofNode])).size).toBe(3);
  });

  test('prints ipam show as the tutorial does', () => {
    expect(told.of('ipam show')).toEqual([
      LINE,
      '| GROUPING |     CIDR      | IPS TOTAL | IPS IN USE |   IPS FREE   |',
      LINE,
      '| IP Pool  | 10.255.0.0/16 |     65536 | 0 (0%)     | 65536 (100%) |',
      '| IP Pool  | 10.64.0.0/20  |      4096 | 9 (0%)     | 4087 (100%)  |',
      '| IP Pool  | 10.64.16.0/20 |      4096 | 9 (0%)     | 4087 (100%)  |',
      LINE,
    ]);
  });

  test('prints ipam show --show-blocks as the tutorial does: three blocks of three in each pool', () => {
    const rows = told
      .of('ipam show --show-blocks')
      .filter((line) => line.startsWith('| '))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const block = ['Block', expect.stringMatching(/^10\.64\.\d+\.\d+\/26$/)];
    const usage = ['64', '3 (5%)', '61 (95%)'];
    const three = [0, 1, 2].map(() => [...block, ...usage]);
    expect(rows).toEqual([
      ['GROUPING', 'CIDR', 'IPS TOTAL', 'IPS IN USE', 'IPS FREE'],
      ['IP Pool', '10.255.0.0/16', '65536', '0 (0%)', '65536 (100%)'],
      ['IP Pool', '10.64.0.0/20', '4096', '9 (0%)', '4087 (100%)'],
      ...three,
      ['IP Pool', '10.64.16.0/20', '4096', '9 (0%)', '4087 (100%)'],
      ...three,
    ]);
  });

  test('has a column of reserved addresses in the current layout', () => {
    expect(told.of('ipam show --show-blocks --layout current')[1]).toMatch(
      /^\| GROUPING \| CIDR +\| IPS TOTAL \| IPS IN USE \| IPS RESERVED \| IPS FREE +\|$/,
    );
  });

  test('refuses a pod of the disabled pool in the words of the tutorial', () => {
    const event = told.of('describe pods nginx -n external-ns').at(-1)!;
    expect(event.endsWith(MESSAGE)).toBe(true);
    expect(told.output).toContain(`refused, code 7: ${MESSAGE}\n`);
    const lines = told.of('explain pod nginx -n external-ns');
    expect(lines).toContain(`Refused: ${MESSAGE}`);
    expect(lines.some((line) => line.endsWith('the pool is disabled'))).toBe(true);
  });
});
