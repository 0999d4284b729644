/**
 * Bad objects on their whole way: through admission and the store, and what of them is accepted through the
 * choice that ADD makes. Each is refused in one clear error, and nothing changes.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainRequest } from '../../src/agent/explain-request.ts';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { type KindId, kindOf } from '../../src/dialect/kinds.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import { IpamService } from '../../src/ipam/service.ts';
import { type CniCall, configText, environmentOf } from '../support/cni-call.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const MESSAGE_CHARS_MAX = 12_000;
const MIB = 1024 * 1024;

let store: EmbeddedStore;
let service: IpamService;

beforeAll(async () => {
  const clock = { now: () => Date.now() };
  store = await EmbeddedStore.open(scratchFolder(), { clock, node: 'node1' });
  const { ledger, cluster } = store;
  const allocator = new Allocator({ ledger, cluster, clock });
  service = new IpamService({ ledger, cluster, allocator, clock, node: 'node1' });
});

afterAll(async () => {
  await service.close();
  store.close();
});

interface Form {
  readonly id: KindId;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** A spec that is accepted. */
  readonly spec: Readonly<Record<string, unknown>>;
}

const SPIDERPOOL = { id: 'SpiderIPPool', kind: 'SpiderIPPool', name: 'bad-pool' } as const;
const FORMS = {
  spiderpool: {
    ...SPIDERPOOL,
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    spec: { subnet: '10.9.0.0/24', ips: ['10.9.0.10-10.9.0.19'] },
  },
  'spiderpool-v1': {
    id: 'SpiderpoolV1IPPool',
    apiVersion: 'spiderpool.spidernet.io/v1',
    kind: 'IPPool',
    name: 'bad-pool',
    spec: { ipVersion: 'IPv4', subnet: '10.9.0.0/24', ips: ['10.9.0.10-10.9.0.19'] },
  },
  calico: {
    id: 'CalicoIPPool',
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    name: 'bad-pool',
    spec: { cidr: '10.9.0.0/24' },
  },
  reserved: {
    id: 'SpiderReservedIP',
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderReservedIP',
    name: 'bad-reserve',
    spec: { ips: ['10.9.0.1'] },
  },
  reservation: {
    id: 'CalicoIPReservation',
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPReservation',
    name: 'bad-reserve',
    spec: { reservedCIDRs: ['10.9.0.1'] },
  },
  configuration: {
    id: 'CalicoIPAMConfiguration',
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPAMConfiguration',
    name: 'default',
    spec: { strictAffinity: true, autoAllocateBlocks: true },
  },
} satisfies Record<string, Form>;
type FormName = keyof typeof FORMS;

function objectOf(form: Form, spec: Readonly<Record<string, unknown>>): KubeObject {
  const { apiVersion, kind, name } = form;
  return { apiVersion, kind, metadata: { name }, spec: { ...form.spec, ...spec } };
}

/** Every applied object, to see that nothing changed. */
function everything(): string {
  const ids = [...Object.values(FORMS).map(({ id }) => id), 'Pod', 'Namespace', 'ConfigMap'];
  return JSON.stringify((ids as KindId[]).map((id) => store.objects.list(id)));
}

/** The refusal of an object, with nothing changed; undefined where it is accepted, and then it is taken away. */
async function refusal(object: KubeObject): Promise<OrbweaverError | undefined> {
  const before = everything();
  try {
    await store.objects.apply(object);
  } catch (error) {
    expect(everything()).toBe(before);
    expect(error).toBeInstanceOf(OrbweaverError);
    return error as OrbweaverError;
  }
  const { namespace = '', name } = object.metadata;
  await store.objects.delete({ kind: kindOf(object).id, namespace, name });
  return undefined;
}

interface Told {
  readonly message: string;
  readonly details: string;
}

/** One short line that names the object and the field. */
function expectClear(error: Told, name: string, field: string): void {
  const text = `${error.message} ${error.details}`;
  expect(text.length).toBeLessThan(MESSAGE_CHARS_MAX);
  expect(text.trim()).not.toMatch(/\p{Cc}/u);
  expect(text).toContain(name);
  expect(text).toContain(field);
}

const UNPRINTABLE = 'a\u0000\u001b[2J\u202e💥';
const MEGABYTE = 'y'.repeat(MIB);

/** Values that no field takes, but for those that a row of FIELDS excepts. */
const WRONG: Readonly<Record<string, unknown>> = {
  'a number': 7.5,
  'a truth': true,
  'a text': 'x',
  'an empty text': '',
  unprintable: UNPRINTABLE,
  'a megabyte': MEGABYTE,
  'a map': { a: 'b' },
  'an empty map': {},
  'a list': [7],
  'an empty list': [],
  'a list of lists': [['a']],
  'a list of an empty text': [''],
  'a list of names': ['x💥'],
  'a list of a megabyte': [MEGABYTE],
  'a deep map': JSON.parse(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`),
};

type Exceptions = readonly (keyof typeof WRONG)[];
const LIST: Exceptions = ['an empty list'];
const FLAG: Exceptions = ['a truth'];
const SELECTOR: Exceptions = ['an empty map'];
const TEXT: Exceptions = ['an empty text'];

/** What each field takes of WRONG, by the rules of its dialect. */
const FIELDS: Readonly<Record<FormName, Readonly<Record<string, Exceptions>>>> = {
  spiderpool: {
    subnet: [],
    ips: LIST,
    excludeIPs: LIST,
    gateway: [],
    routes: LIST,
    ipVersion: [],
    podAffinity: [],
    nodeAffinity: SELECTOR,
    namespaceAffinity: SELECTOR,
    nodeName: LIST,
    namespaceName: LIST,
    multusName: LIST,
    disable: FLAG,
    default: FLAG,
  },
  'spiderpool-v1': {
    ipVersion: [],
    subnet: [],
    ips: LIST,
    excludeIPs: LIST,
    gateway: [],
    vlan: [],
    routes: LIST,
    nodeSelector: SELECTOR,
    namesapceSelector: SELECTOR,
    podSelector: [],
    disable: FLAG,
  },
  calico: {
    cidr: [],
    blockSize: [],
    natOutgoing: FLAG,
    ipipMode: TEXT,
    vxlanMode: TEXT,
    disabled: FLAG,
    nodeSelector: TEXT,
    namespaceSelector: TEXT,
    allowedUses: LIST,
    assignmentMode: TEXT,
    disableBGPExport: FLAG,
  },
  reserved: { ips: [], ipVersion: [] },
  reservation: { reservedCIDRs: LIST },
  configuration: {
    strictAffinity: FLAG,
    autoAllocateBlocks: FLAG,
    maxBlocksPerHost: [],
    ipCooldownSeconds: [],
  },
};

describe.each(Object.keys(FORMS) as FormName[])('%s is refused for', (name) => {
  const form: Form = FORMS[name];

  test('nothing, as it stands', async () => {
    expect(await refusal(objectOf(form, {}))).toBeUndefined();
  });

  test.each(Object.entries(FIELDS[name]))('wrong values of %s', async (field, taken) => {
    for (const [what, value] of Object.entries(WRONG)) {
      const error = await refusal(objectOf(form, { [field]: value }));
      expect(error === undefined, what).toBe(taken.includes(what));
      if (error !== undefined) {
        expect(error.code).toBe('OBJECT_INVALID');
        expectClear(error, form.name, `spec.${field}`);
        expect(error.message).toMatch(
          /(Invalid|Unsupported|Required|Duplicate) value|Forbidden|Too long|unknown field/,
        );
      }
    }
  });

  test('a field that it does not have', async () => {
    for (const field of ['ipz', UNPRINTABLE, MEGABYTE]) {
      expectClear((await refusal(objectOf(form, { [field]: 1 })))!, form.name, 'unknown field');
    }
  });

  test('a spec that is none', async () => {
    for (const spec of [7, 'x', [], true]) {
      const { apiVersion, kind } = form;
      const object = { apiVersion, kind, metadata: { name: form.name }, spec };
      expectClear((await refusal(object))!, form.name, 'spec');
    }
  });
});

/** Addresses and networks that a pool may not have, by the field that says so. */
const ADDRESSES: readonly [string, FormName, Record<string, unknown>, string][] = [
  ['host bits in the subnet', 'spiderpool', { subnet: '10.9.0.1/24' }, 'spec.subnet'],
  ['host bits in the subnet', 'spiderpool-v1', { subnet: '10.9.0.1/24' }, 'spec.subnet'],
  ['host bits in the network', 'calico', { cidr: '10.9.0.1/24' }, 'spec.cidr'],
  ['the other family', 'spiderpool', { ips: ['fd00::1'] }, 'spec.ips[0]'],
  ['the other family', 'spiderpool-v1', { ipVersion: 'IPv6' }, 'spec.subnet'],
  ['the other family', 'spiderpool', { ipVersion: 6 }, 'spec.subnet'],
  ['a gateway of the other family', 'spiderpool', { gateway: 'fd00::1' }, 'spec.gateway'],
  ['an address out of the subnet', 'spiderpool', { ips: ['10.8.0.1'] }, 'spec.ips[0]'],
  ['a range out of the subnet', 'spiderpool-v1', { ips: ['10.9.0.9-10.9.1.9'] }, 'spec.ips[0]'],
  ['a gateway out of the subnet', 'spiderpool', { gateway: '10.8.0.1' }, 'spec.gateway'],
  ['a route to nowhere', 'spiderpool', route('10.0.0.0/8', '10.8.0.1'), 'spec.routes[0].gw'],
  ['the gateway among its addresses', 'spiderpool', { gateway: '10.9.0.10' }, 'spec.gateway'],
  ['a range that goes back', 'spiderpool', { ips: ['10.9.0.9-10.9.0.1'] }, 'spec.ips[0]'],
  ['a block that is too small', 'calico', { blockSize: 33 }, 'spec.blockSize'],
  ['a block that is larger than it', 'calico', { cidr: '10.9.0.0/27' }, 'spec.cidr'],
  ['a use twice', 'calico', { allowedUses: ['Workload', 'Workload'] }, 'spec.allowedUses[1]'],
  ['an address that is none', 'reserved', { ips: ['10.9.0.256'] }, 'spec.ips[0]'],
  [
    'an address that is none',
    'reservation',
    { reservedCIDRs: ['10.9.0.0/33'] },
    'reservedCIDRs[0]',
  ],
];

function route(dst: string, gw: string) {
  return { routes: [{ dst, gw }] };
}

describe('pools are refused for', () => {
  test.each(ADDRESSES)('%s (%s)', async (_, name, spec, field) => {
    const error = (await refusal(objectOf(FORMS[name], spec)))!;
    expectClear(error, FORMS[name].name, field);
    // One of the values that the spec states; a fault of two fields is told at one of them.
    const values = JSON.stringify(objectOf(FORMS[name], spec).spec).matchAll(/"([^"]+)"(?!:)|\d+/g);
    const named = [...values].map(([all, text]) => text ?? all);
    expect(
      named.filter((value) => error.message.includes(value)),
      error.message,
    ).not.toEqual([]);
  });

  test.each<FormName>(['spiderpool', 'spiderpool-v1'])(
    'more than the largest number of ranges (%s), which that number itself is not',
    async (name) => {
      const ranges = (count: number) => ({
        subnet: '10.0.0.0/8',
        ips: Array.from({ length: count }, (_, at) => `10.${at >> 7}.${(at & 127) * 2}.7`),
      });
      expect(await refusal(objectOf(FORMS[name], ranges(LIMITS.poolRangesMax)))).toBeUndefined();
      const error = await refusal(objectOf(FORMS[name], ranges(LIMITS.poolRangesMax + 1)));
      expectClear(error!, FORMS[name].name, 'spec.ips');
      expect(error!.message).toContain(String(LIMITS.poolRangesMax));
    },
  );

  test('a megabyte of a manifest in the place of a number', async () => {
    const items = Array.from({ length: 100_000 }, (_, at) => `key${at}`);
    for (const field of ['subnet', 'gateway', 'ipVersion', 'podAffinity']) {
      const error = await refusal(objectOf(FORMS.spiderpool, { [field]: items }));
      expectClear(error!, 'bad-pool', `spec.${field}`);
    }
  });
});

/** Selectors of Kubernetes, with the words of the path at which each is wrong. */
const LABEL_SELECTORS: readonly [string, unknown, string][] = [
  ['an unknown key', { matchLabel: { a: 'b' } }, 'matchLabel'],
  ['labels that are a list', { matchLabels: ['a'] }, 'matchLabels'],
  ['a label value that is a number', { matchLabels: { a: 1 } }, 'matchLabels'],
  ['a label key that is none', { matchLabels: { 'a b': 'c' } }, 'matchLabels'],
  ['a label value that is none', { matchLabels: { a: UNPRINTABLE } }, 'matchLabels'],
  ['a label value of a megabyte', { matchLabels: { a: MEGABYTE } }, 'matchLabels'],
  ['an operator that is none', expression({ operator: 'Near' }), 'matchExpressions[0].operator'],
  ['no operator', expression({ operator: undefined }), 'matchExpressions[0].operator'],
  ['In without values', expression({ values: [] }), 'matchExpressions[0].values'],
  ['Exists with values', expression({ operator: 'Exists' }), 'matchExpressions[0].values'],
  ['values that are a text', expression({ values: 'x' }), 'matchExpressions[0].values'],
  ['an expression that is a text', { matchExpressions: ['x'] }, 'matchExpressions[0]'],
  ['a key that is none', expression({ key: '💥' }), 'matchExpressions[0].key'],
];

function expression(more: Record<string, unknown>) {
  return { matchExpressions: [{ key: 'a', operator: 'In', values: ['x'], ...more }] };
}

describe('a selector is refused for', () => {
  test.each(LABEL_SELECTORS)('%s', async (_, selector, path) => {
    const places: [FormName, string[]][] = [
      ['spiderpool', ['podAffinity', 'nodeAffinity', 'namespaceAffinity']],
      ['spiderpool-v1', ['podSelector', 'nodeSelector', 'namesapceSelector']],
    ];
    for (const [name, fields] of places) {
      for (const field of fields) {
        const error = await refusal(objectOf(FORMS[name], { [field]: selector }));
        expectClear(error!, 'bad-pool', `spec.${field}`);
        expectClear(error!, 'bad-pool', path);
      }
    }
  });

  test.each([
    ['an unknown word', 'has(a) nor has(b)'],
    ['no operand', 'a =='],
    ['a quote that stays open', "a == 'b"],
    ['a parenthesis that stays open', '(has(a)'],
    ['more parentheses than are read', `${'('.repeat(500)}has(a)${')'.repeat(500)}`],
    ['control characters', 'a == \u0000'],
    ['a megabyte', `a in {${'"x",'.repeat(MIB / 4)}"x"}`],
  ])("%s in Calico's language", async (_, selector) => {
    for (const field of ['nodeSelector', 'namespaceSelector']) {
      const error = await refusal(objectOf(FORMS.calico, { [field]: selector }));
      expectClear(error!, 'bad-pool', `spec.${field}`);
    }
  });
});

const NAMES_100_000 = JSON.stringify(Array.from({ length: 20_000 }, (_, at) => `pool-${at}`));

/** Annotation values, and of each the words that its refusal must have. */
const MAPS: readonly [string, string, RegExp][] = [
  ['no JSON', '{nope', /KEY.*nope/],
  ['nothing', '', /KEY/],
  ['a number', '7', /KEY/],
  ['a text', '"four"', /KEY/],
  ['unprintable characters', UNPRINTABLE, /KEY/],
  ['a field of a wrong type', '{"ipv4": "four"}', /KEY.*ipv4/],
  ['an interface of a wrong type', '{"interface": 7, "ipv4": ["four"]}', /KEY.*interface/],
  ['another interface', '{"interface": "net7", "ipv4": ["four"]}', /KEY.*net7.*eth0/],
  ['an unprintable interface', '{"interface": "\\u0007", "ipv4": ["four"]}', /KEY.*eth0/],
  ['an empty name', '{"ipv4": [""]}', /KEY.*ipv4\[0\]/],
  ['a pool that is not there', '{"ipv4": ["nope"]}', /nope.*pod ippool/],
  ['a pool of the other family', '{"ipv4": ["six"]}', /six is IPv6/],
  ['a pool twice', '{"ipv4": ["four", "four"]}', /duplicate IPPool four.*pod ippool/],
  ['an unprintable name', '{"ipv4": ["a\\u0007\\u001b[2J"]}', /a\\a\\x1b\[2J.*pod ippool/],
  ['a name of 200,000 characters', `{"ipv4": ["${'y'.repeat(200_000)}"]}`, /yyy….*pod ippool/],
  ['20,000 names', `{"ipv4": ${NAMES_100_000}}`, /pool-0.*pod ippool/],
  ['20,000 wildcards', `{"ipv4": ${NAMES_100_000.replaceAll('pool', '*')}}`, /pod ippool/],
  ['deep nesting', '['.repeat(200_000), /KEY/],
];
const LISTS: readonly [string, string, RegExp][] = [
  ['an empty list', '[]', /KEY.*at least one item/],
  ['an item that is a text', '["four"]', /KEY/],
  [
    'an interface twice',
    '[{"interface":"eth0","ipv4":["four"]},{"interface":"eth0"}]',
    /KEY.*eth0/,
  ],
  ['an interface that is not there', '[{"interface":"net7","ipv4":["four"]}]', /KEY.*eth0/],
  ['a switch that is a text', '[{"interface":"eth0","cleangateway":"yes"}]', /KEY.*cleangateway/],
  ['20,000 items', JSON.stringify(Array(20_000).fill({})), /KEY.*at most 64/],
];
const CALICO: readonly [string, string, RegExp][] = [
  ['no JSON', '{nope', /KEY.*nope/],
  ['a map', '{"a": 1}', /KEY/],
  ['a pool that is not there', '["nope"]', /nope/],
  ['an unprintable name', '["a\\u0007"]', /a\\a/],
  ['a name of 200,000 characters', `["${'y'.repeat(200_000)}"]`, /yyy…/],
  ['20,000 names', NAMES_100_000, /pool-0/],
];

/** What an ADD of a pod is told, and that nothing was claimed. */
async function addRefusal(name: string): Promise<Told> {
  const request: CniCall = { verb: 'ADD', pod: { namespace: 'default', name } };
  const answer = await service.call({
    calledAs: 'orbweaver',
    command: 'ADD',
    env: environmentOf(request),
    ownNetns: false,
    config: configText(request),
    gone: () => false,
    deadline: Date.now() + LIMITS.callDeadlineMs,
  });
  if (answer.ok) {
    throw new Error(`ADD gave ${JSON.stringify(answer.result)}`);
  }
  expect([...store.ledger.claims()]).toEqual([]);
  const { msg, details = '' } = answer.error;
  return { message: msg, details };
}

describe('a pod gets no address for', () => {
  beforeAll(async () => {
    const { spiderpool, calico } = FORMS;
    const pool = (form: Form, name: string, spec: Record<string, unknown>) =>
      store.objects.apply(objectOf({ ...form, name }, spec));
    await pool(spiderpool, 'four', { default: true });
    await pool(spiderpool, 'six', { subnet: 'fd00:9::/64', ips: ['fd00:9::10-fd00:9::19'] });
    await pool(calico, 'cal', { cidr: '10.8.0.0/24' });
  });

  const SPIDER = 'ipam.spidernet.io';
  const rows = [
    ...MAPS.map((row) => ['ippool', SPIDER, ...row] as const),
    ...LISTS.map((row) => ['ippools', SPIDER, ...row] as const),
    ...CALICO.map((row) => ['ipv4pools', 'cni.projectcalico.org', ...row] as const),
    ['routes', SPIDER, 'a route that is none', '[{"dst":"x","gw":"y"}]', /KEY.*dst: x/] as const,
    ['routes', SPIDER, 'two families', '[{"dst":"fd00::/64","gw":"10.9.0.1"}]', /KEY/] as const,
    ['ipAddrs', 'cni.projectcalico.org', 'no address', '["10.8.0.256"]', /10\.8\.0\.256/] as const,
    ['ipAddrs', 'cni.projectcalico.org', 'two', '["10.8.0.1","10.8.0.2"]', /KEY.*/] as const,
    ['ipFamilies', 'cni.projectcalico.org', 'no family', '["IPv5"]', /ipFamilies.*IPv5/] as const,
  ];

  test.each(rows)('its %s (%s) of %s', async (key, prefix, _, value, words) => {
    const annotation = `${prefix}/${key}`;
    const metadata = {
      name: 'bad-pod',
      namespace: 'default',
      annotations: { [annotation]: value },
    };
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await store.objects.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
    const before = everything();
    const told = await addRefusal('bad-pod');
    expect(everything()).toBe(before);
    const pattern = new RegExp(words.source.replaceAll('KEY', annotation.replaceAll('.', '\\.')));
    expect(`${told.message} ${told.details}`).toMatch(pattern);
    expectClear(told, '', '');

    const explained = await explainRequest(service.parts, {
      namespace: 'default',
      name: 'bad-pod',
      interface: 'eth0',
    });
    expect(told.message).toContain(explained.refusal!.message);
    expect(JSON.stringify(explained).length).toBeLessThan(5 * MESSAGE_CHARS_MAX);
  });

  test.each([
    ['default-ipv4-ippool', '{"a":1}', 'default-ipv4-ippool'],
    ['default-ipv4-ippool', '[""]', 'default-ipv4-ippool'],
    ['defaultv4ippool', '["nope"]', 'nope'],
    ['defaultv4ippool', UNPRINTABLE, 'defaultv4ippool'],
    ['default-ipv6-ippool', '[7]', 'default-ipv6-ippool'],
    ['default-ipv4-ippool', NAMES_100_000, 'pool-0'],
  ])('%s = %s of its namespace', async (key, value, words) => {
    const metadata = { name: 'bad-pod', namespace: 'default' };
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await store.objects.delete({ kind: 'Pod', namespace: 'default', name: 'bad-pod' });
    await store.objects.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
    const annotation = `ipam.spidernet.io/${key}`;
    const ref = { kind: 'Namespace', namespace: '', name: 'default' } as const;
    await store.objects.annotate(ref, {
      set: { [annotation]: value },
      remove: [],
      overwrite: true,
    });
    expectClear(await addRefusal('bad-pod'), words, '');
    await store.objects.annotate(ref, { set: {}, remove: [annotation], overwrite: true });
  });

  test('annotations of a megabyte, which are refused where they are written', async () => {
    const pod = (value: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'big-pod', annotations: { 'ipam.spidernet.io/ippool': value } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    expectClear((await refusal(pod(MEGABYTE)))!, 'big-pod', 'metadata.annotations');
  });
});

describe('wide pools cost no memory:', () => {
  test.each([
    ['a /8 of IPv4', { subnet: '11.0.0.0/8', ips: ['11.0.0.1-11.255.255.254'] }],
    ['a /8 in 10,000 ranges', { subnet: '12.0.0.0/8', ips: splitted() }],
    ['a /48 of IPv6', { subnet: 'fd00:1::/48', ips: ['fd00:1::1-fd00:1:0:ffff::'] }],
    [
      'a /48 without a /64',
      {
        subnet: 'fd00:2::/48',
        ips: ['fd00:2::1-fd00:2:0:ffff::'],
        excludeIPs: ['fd00:2:0:1::-fd00:2:0:1:ffff:ffff:ffff:ffff'],
      },
    ],
  ])('%s', async (_, spec) => {
    const form = { ...FORMS.spiderpool, name: 'wide-pool' };
    const before = memoryKept();
    await store.objects.apply(objectOf(form, spec));
    const explained = await explainRequest(service.parts, {
      namespace: 'default',
      name: 'asking',
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'asking',
          annotations: {
            'ipam.spidernet.io/ippool': JSON.stringify(
              spec.subnet.includes(':') ? { ipv6: ['wide-pool'] } : { ipv4: ['wide-pool'] },
            ),
          },
        },
      },
      interface: 'eth0',
    });
    const after = memoryKept();
    expect(explained.interfaces[0]?.families[0]?.next?.pool).toBe('wide-pool');
    expect((after - before) / MIB).toBeLessThan(64);
    await store.objects.delete({ kind: 'SpiderIPPool', namespace: '', name: 'wide-pool' });
  });
});

/** Bytes that are still in use once what nobody needs is gone. */
function memoryKept(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The whole of 12.0.0.0/8 but for single addresses between its ranges. */
function splitted(): string[] {
  const text = (value: number) => `12.${(value >> 16) & 255}.${(value >> 8) & 255}.${value & 255}`;
  const width = Math.floor(2 ** 24 / LIMITS.poolRangesMax);
  return Array.from(
    { length: LIMITS.poolRangesMax },
    (_, at) => `${text(at * width)}-${text(at * width + width - 2)}`,
  );
}
