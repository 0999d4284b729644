import { describe, expect, test } from 'vitest';
import { alignedTable, boxTable } from '../../src/cli/table.ts';

describe('aligned table', () => {
  test('gives each column its widest cell and three blanks, without blanks at the ends', () => {
    expect(
      alignedTable(
        ['NAME', 'VERSION', 'SUBNET'],
        [
          ['default-v4-ippool', '4', '172.18.0.0/16'],
          ['b', '', ''],
        ],
      ),
    ).toBe(
      'NAME                VERSION   SUBNET\n' +
        'default-v4-ippool   4         172.18.0.0/16\n' +
        'b\n',
    );
  });

  test('takes control characters out of cells', () => {
    expect(alignedTable(['A'], [['x\u001b[31m\n\ty']])).toBe('A\nx [31m y\n');
  });

  test('counts characters, not UTF-16 units', () => {
    expect(alignedTable(['A', 'B'], [['😀', 'x']])).toBe('A   B\n😀   x\n');
  });

  test('is only its header without rows', () => {
    expect(alignedTable(['A', 'B'], [])).toBe('A   B\n');
  });
});

describe('box table', () => {
  const columns = [
    { title: 'CIDR', align: 'left' },
    { title: 'IPS TOTAL', align: 'right' },
  ] as const;

  test('centres titles in the older layout', () => {
    expect(boxTable(columns, [['10.64.0.0/20', '4096']], 'centred')).toBe(
      '+--------------+-----------+\n' +
        '|     CIDR     | IPS TOTAL |\n' +
        '+--------------+-----------+\n' +
        '| 10.64.0.0/20 |      4096 |\n' +
        '+--------------+-----------+\n',
    );
  });

  test('puts titles to the left in the present layout', () => {
    expect(boxTable(columns, [['10.64.0.0/20', '4096']], 'left').split('\n')[1]).toBe(
      '| CIDR         | IPS TOTAL |',
    );
  });
});
