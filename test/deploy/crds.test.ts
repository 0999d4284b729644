/** The CRDs of deploy/crds say what the code says: names, columns, fields, defaults and texts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { LIMITS } from '../../src/catalogue/limits.ts';
import {
  CALICO_CONFIGURATION_FIELDS,
  CALICO_POOL_FIELDS,
} from '../../src/dialect/calico-admission.ts';
import { columnsFor } from '../../src/dialect/columns.ts';
import { KINDS, type KindId, kindById } from '../../src/dialect/kinds.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { FieldType } from '../../src/dialect/pool-form.ts';
import {
  SPIDER_IP_POOL,
  SPIDER_RESERVED_IP_FIELDS,
  SPIDER_SUBNET_FIELDS,
} from '../../src/dialect/spiderpool.ts';
import { IP_POOL_V1 } from '../../src/dialect/spiderpool-v1.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shape of a CRD is the API server's.
type Crd = any;

const FOLDER = join(import.meta.dirname, '../../deploy/crds');
const CRDS: readonly Crd[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => parse(readFileSync(join(FOLDER, name), 'utf8')));

const CUSTOM = KINDS.filter(({ apiVersions }) => /\./.test(apiVersions[0]!.split('/')[0]!));
const SPIDERS = CUSTOM.filter(({ apiVersions }) => apiVersions[0]!.startsWith('spiderpool.'));

function crdOf(id: KindId): Crd {
  const { plural, apiVersions } = kindById(id);
  return CRDS.find((crd) => crd.metadata.name === `${plural}.${apiVersions[0]!.split('/')[0]}`);
}

function versionOf(id: KindId): Crd {
  return crdOf(id).spec.versions[0];
}

function schemaOf(id: KindId): Crd {
  return versionOf(id).schema.openAPIV3Schema.properties;
}

/** What a column's path finds: plain keys, keys in quotes with escapes, list indexes, one filter. */
function atPath(object: unknown, jsonPath: string): string {
  const steps = jsonPath.matchAll(
    /\.([A-Za-z0-9]+)|\['((?:[^'\\]|\\.)+)'\]|\[(\d+)\]|\[\?\(@\.(\w+)=='(\w+)'\)\]/g,
  );
  let value = object as Crd;
  for (const [, key, quoted, index, field, wanted] of steps) {
    if (field !== undefined) value = value?.find((one: Crd) => one[field] === wanted);
    else value = value?.[key ?? quoted?.replaceAll('\\', '') ?? Number(index)];
  }
  if (value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

describe('names', () => {
  test('there is a CRD for every kind of the dialects, and for the block', () => {
    const wanted = CUSTOM.map(
      ({ plural, apiVersions }) => `${plural}.${apiVersions[0]!.split('/')[0]}`,
    );
    expect(CRDS.map((crd) => crd.metadata.name).sort()).toEqual(
      ['ipblocks.ipam.orbweaver.dev', ...wanted].sort(),
    );
  });

  test.each(CUSTOM)('$id: group, version, kind, scope and short names', (row) => {
    const [group, version] = row.apiVersions[0]!.split('/');
    expect(crdOf(row.id).spec).toMatchObject({
      group,
      scope: row.namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind: row.kinds[0],
        listKind: `${row.kinds[0]}List`,
        plural: row.plural,
        singular: row.singular,
      },
    });
    expect(crdOf(row.id).spec.names.shortNames ?? []).toEqual(row.shortNames);
    expect(crdOf(row.id).spec.versions).toHaveLength(1);
    expect(versionOf(row.id)).toMatchObject({ name: version, served: true, storage: true });
  });

  test.each(CUSTOM)('$id is kept up to date by the controller', ({ id }) => {
    expect(crdOf(id).metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'orbweaver' });
  });

  test('status is a subresource where the dialect has one', () => {
    const withStatus = CUSTOM.filter(({ id }) => versionOf(id).subresources?.status !== undefined);
    expect(withStatus.map(({ id }) => id)).toEqual([
      'SpiderIPPool',
      'SpiderSubnet',
      'SpiderpoolV1IPPool',
      'CalicoIPPool',
    ]);
  });
});

describe("the columns of Spiderpool's kinds are those of the command line", () => {
  const pool = {
    spec: {
      ipVersion: 4,
      subnet: '10.0.0.0/24',
      default: true,
      disable: false,
      nodeName: ['a', 'b'],
      multusName: ['kube-system/macvlan'],
      podAffinity: { matchLabels: { 'ipam.spidernet.io/app-namespace': 'shop' } },
    },
    status: { allocatedIPCount: 3, totalIPCount: 5 },
  };
  const ips = [
    { interface: 'eth0', ipv4: '10.0.0.5/24', ipv4Pool: 'p4', ipv6Pool: 'p6', ipv6: 'fd00::5/64' },
  ];
  const endpoint = { status: { current: { uid: 'u', node: 'worker', ips } } };

  test.each(SPIDERS)('$id', ({ id, apiVersions, kinds, projected }) => {
    const object: KubeObject = {
      apiVersion: apiVersions[0]!,
      kind: kinds[0]!,
      metadata: { name: 'one', creationTimestamp: '2026-01-01T00:00:00Z' },
      ...(projected ? endpoint : pool),
    };
    const shown = columnsFor(id, true).slice(1);
    const printed: Crd[] = versionOf(id).additionalPrinterColumns;
    expect(printed.map((column) => column.name.toUpperCase())).toEqual(
      shown.map((column) => column.header),
    );
    expect(printed.map((column) => (column.priority ?? 0) > 0)).toEqual(
      shown.map((column) => column.wide),
    );
    for (const [index, column] of printed.entries()) {
      // The API server turns a date into an age.
      if (column.type === 'date') continue;
      expect(atPath(object, column.jsonPath), column.name).toBe(shown[index]!.value(object, 0));
    }
  });
});

describe("Calico's columns", () => {
  test.each<[KindId, string[] | undefined]>([
    ['CalicoIPPool', ['CIDR', 'VXLAN', 'IPIP', 'NAT', 'Allocatable', 'Age']],
    ['CalicoIPReservation', undefined],
    ['CalicoIPAMConfiguration', ['StrictAffinity', 'MaxBlocksPerHost', 'AutoAllocateBlocks']],
  ])('%s', (id, names) => {
    const columns: Crd[] | undefined = versionOf(id).additionalPrinterColumns;
    expect(columns?.map((column) => column.name)).toEqual(names);
  });

  test('the condition is found by its type', () => {
    const column = versionOf('CalicoIPPool').additionalPrinterColumns[4];
    const conditions = [{ type: 'Valid' }, { type: 'Allocatable', status: 'False' }];
    expect(atPath({ status: { conditions } }, column.jsonPath)).toBe('False');
  });
});

describe('fields', () => {
  const schemaType: Record<FieldType, string | undefined> = {
    version: undefined,
    text: 'string',
    texts: 'array',
    boolean: 'boolean',
    integer: 'integer',
    list: 'array',
    map: 'object',
  };
  const forms: [KindId, Readonly<Record<string, FieldType>>][] = [
    ['SpiderIPPool', SPIDER_IP_POOL.fields],
    ['SpiderpoolV1IPPool', IP_POOL_V1.fields],
    ['SpiderSubnet', SPIDER_SUBNET_FIELDS],
    ['SpiderReservedIP', SPIDER_RESERVED_IP_FIELDS],
    ['CalicoIPPool', CALICO_POOL_FIELDS],
    ['CalicoIPReservation', { reservedCIDRs: 'list' }],
    ['CalicoIPAMConfiguration', CALICO_CONFIGURATION_FIELDS],
  ];

  test.each(forms)('%s has those of the dialect, with their types', (id, fields) => {
    const { properties } = schemaOf(id).spec;
    expect(Object.keys(properties).sort()).toEqual(Object.keys(fields).sort());
    for (const [name, type] of Object.entries(fields)) {
      if (schemaType[type] !== undefined) {
        expect(properties[name].type, name).toBe(schemaType[type]);
      }
      if (type === 'texts') expect(properties[name].items.type, name).toBe('string');
    }
  });

  test.each([
    ['SpiderIPPool', SPIDER_IP_POOL],
    ['SpiderpoolV1IPPool', IP_POOL_V1],
  ] as const)('%s has the defaults of the dialect', (id, form) => {
    const properties: Record<string, Crd> = schemaOf(id).spec.properties;
    const defaults = Object.entries(properties).filter(
      ([, schema]) => schema.default !== undefined,
    );
    expect(Object.fromEntries(defaults.map(([name, schema]) => [name, schema.default]))).toEqual(
      form.defaults,
    );
  });

  test.each(['SpiderIPPool', 'SpiderpoolV1IPPool', 'SpiderSubnet', 'SpiderReservedIP'] as const)(
    '%s takes as many ranges as admission does',
    (id) => {
      const { ips, excludeIPs = ips } = schemaOf(id).spec.properties;
      expect([ips.maxItems, excludeIPs.maxItems]).toEqual([
        LIMITS.poolRangesMax,
        LIMITS.poolRangesMax,
      ]);
    },
  );

  test('both endpoint kinds have the same schema', () => {
    expect(schemaOf('SpiderpoolV1WorkloadEndpoint').status).toEqual(
      schemaOf('SpiderEndpoint').status,
    );
  });
});

describe('rules', () => {
  const rules = CRDS.flatMap((crd) => {
    const found: { crd: string; rule: Crd }[] = [];
    const walk = (schema: Crd) => {
      if (typeof schema !== 'object' || schema === null) return;
      for (const rule of schema['x-kubernetes-validations'] ?? []) {
        found.push({ crd: crd.metadata.name, rule });
      }
      for (const [key, inner] of Object.entries(schema)) {
        if (key !== 'x-kubernetes-validations') walk(inner);
      }
    };
    walk(crd.spec.versions[0].schema);
    return found;
  });

  test('each says what it refuses, in words of the dialects', () => {
    const mute = rules.filter(({ rule }) => !rule.message && !rule.messageExpression);
    expect(mute).toEqual([]);
    // Every literal text is also one of admission, so that both stages speak alike.
    const spoken = readdirSync(join(import.meta.dirname, '../../src/dialect'))
      .map((name) => readFileSync(join(import.meta.dirname, '../../src/dialect', name), 'utf8'))
      .join('\n');
    const schemaOnly = ['the network of a block does not change'];
    // Admission makes these two out of parts.
    const made = [
      /^empty pod(Affinity|Selector) is invalid for (Spider)?IPPool$/,
      /^set either /,
      /^supported values: /,
    ];
    // And these name the field that they are about.
    const named = /^global\(\) selector is not valid for IPPool (node|namespace)Selector$/;
    const foreign = rules
      .map(({ rule }) => rule.message as string | undefined)
      .filter((message) => message !== undefined)
      .filter((message) => !schemaOnly.includes(message))
      .filter((message) => ![...made, named].some((pattern) => pattern.test(message)))
      .filter((message) => {
        const guide = 'cannot be changed; follow IP pool migration guide to avoid corruption.';
        const head = message.endsWith(guide) ? guide : message;
        return !spoken.includes(head) && !spoken.includes(head.replaceAll("'", "\\'"));
      });
    expect(foreign).toEqual([]);
  });
});
