import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KindId } from '../../src/dialect/kinds.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import type { FaultPoint } from '../../src/sqlite/database.ts';
import { claimOf, restingOf, writeOf } from '../support/lines.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

let folder: string;
let store: EmbeddedStore;
let fault: ((point: FaultPoint) => void) | undefined;
let now = Date.UTC(2026, 0, 1);

async function open(): Promise<void> {
  store = await EmbeddedStore.open(folder, {
    clock: { now: () => now },
    node: 'node-1',
    fault: (point) => fault?.(point),
  });
}

beforeEach(async () => {
  folder = scratchFolder();
  fault = undefined;
  await open();
});

afterEach(() => store.close());

const ref = (kind: KindId, name: string, namespace = '') => ({ kind, namespace, name });

function pool(name: string, more: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name },
    spec: { subnet: '10.1.0.0/16', ips: ['10.1.0.10-10.1.0.19'], ...more },
  };
}

function pod(name: string, more: Partial<KubeObject> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i' }] },
    ...more,
  };
}

function namespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function node(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name } };
}

function deployment(name: string, replicas: number, image = 'i'): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image }] } },
    },
  };
}

const names = (objects: readonly KubeObject[]) => objects.map((object) => object.metadata.name);

describe('the object store', () => {
  it('has the namespaces default and kube-system from the start, with their label', () => {
    const namespaces = store.objects.list('Namespace');
    expect(names(namespaces)).toEqual(['default', 'kube-system']);
    expect(namespaces[0]?.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'default' });
  });

  it('gives a new object its uid, version, generation and time, and keeps it across restarts', async () => {
    const edit = await store.objects.apply(pool('p'));
    expect(edit.action).toBe('created');
    expect(edit.object.metadata).toMatchObject({
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['spiderpool.spidernet.io'],
    });
    store.close();
    await open();
    expect(store.objects.get(ref('SpiderIPPool', 'p'))).toEqual(edit.object);
    expect(store.cluster.pools().map(({ name }) => name)).toEqual(['p']);
  });

  it('never gives a resourceVersion twice, not even after deletion and restart', async () => {
    const first = await store.objects.apply(pool('p'));
    await store.objects.delete(ref('SpiderIPPool', 'p'));
    store.close();
    await open();
    const second = await store.objects.apply(pool('p'));
    expect(Number(second.object.metadata.resourceVersion)).toBeGreaterThan(
      Number(first.object.metadata.resourceVersion),
    );
    expect(second.object.metadata.uid).not.toBe(first.object.metadata.uid);
  });

  it('says unchanged, configured and created as apply does', async () => {
    const actions = [];
    for (const manifest of [pool('p'), pool('p'), pool('p', { disable: true }), pool('p')]) {
      actions.push((await store.objects.apply(manifest)).action);
    }
    expect(actions).toEqual(['created', 'unchanged', 'configured', 'configured']);
    expect(store.objects.get(ref('SpiderIPPool', 'p'))).toMatchObject({
      metadata: { generation: 3 },
      spec: { disable: false },
    });
  });

  it('keeps what others set, takes away what the manifest no longer says', async () => {
    const labelled = (labels: Record<string, string>, annotations: Record<string, string>) => ({
      ...namespace('a'),
      metadata: { name: 'a', labels, annotations },
    });
    await store.objects.apply(labelled({ keep: '1', drop: '1' }, { own: '1' }));
    await store.objects.annotate(ref('Namespace', 'a'), {
      set: { theirs: '1', own: '2' },
      remove: [],
      overwrite: true,
    });
    const again = await store.objects.apply(labelled({ keep: '1' }, { own: '1' }));
    expect(again.object.metadata.labels).toEqual({
      keep: '1',
      'kubernetes.io/metadata.name': 'a',
    });
    expect(again.object.metadata.annotations).toEqual({ own: '1', theirs: '1' });
  });

  it.each([
    {
      what: 'a kind that is not kept',
      object: { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } },
      code: 'KIND_UNKNOWN',
      message: 'no matches for kind "Service" in version "v1" (object "s")',
    },
    {
      what: 'a kind that is computed',
      object: {
        apiVersion: 'spiderpool.spidernet.io/v2beta1',
        kind: 'SpiderEndpoint',
        metadata: { name: 'e', namespace: 'default' },
      },
      code: 'OBJECT_INVALID',
      message:
        'spiderendpoints.spiderpool.spidernet.io "e" is made by Orbweaver from its claims and cannot be written',
    },
    {
      what: 'a namespace that does not exist',
      object: pod('p', { metadata: { name: 'p', namespace: 'nowhere' } }),
      code: 'OBJECT_NOT_FOUND',
      message: 'namespaces "nowhere" not found',
    },
    {
      what: 'owners and finalizers that are none',
      object: {
        ...pod('p'),
        metadata: { name: 'p', uid: 5, finalizers: 'f', ownerReferences: [{ kind: 'Job' }] },
      },
      code: 'OBJECT_INVALID',
      message: expect.stringMatching(
        /^Pod "p" is invalid: \[metadata\.uid: .*metadata\.finalizers: .*metadata\.ownerReferences: /,
      ),
    },
    {
      what: 'a pool that overlaps another',
      object: pool('q', { subnet: '10.1.0.0/24', ips: ['10.1.0.30'] }),
      code: 'OBJECT_INVALID',
      message: expect.stringContaining('overlap with IPPool p'),
    },
  ])('refuses $what and changes nothing', async ({ object, code, message }) => {
    await store.objects.apply(pool('p'));
    const generation = store.cluster.poolGeneration;
    await expect(store.objects.apply(object as unknown as KubeObject)).rejects.toMatchObject({
      code,
      message,
    });
    expect(store.cluster.pools().map(({ name }) => name)).toEqual(['p']);
    expect(store.cluster.poolGeneration).toBe(generation);
  });

  it('refuses to create what exists, and another uid', async () => {
    await store.objects.apply(pool('p'), 'create');
    await expect(store.objects.apply(pool('p'), 'create')).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
      message: 'spiderippools.spiderpool.spidernet.io "p" already exists',
    });
    const other = { ...pool('p'), metadata: { name: 'p', uid: 'another' } };
    await expect(store.objects.apply(other)).rejects.toMatchObject({ code: 'OBJECT_INVALID' });
  });

  it('keeps the uid that a manifest of a new pod states', async () => {
    const { object } = await store.objects.apply(pod('p', { metadata: { name: 'p', uid: 'u-1' } }));
    expect(object.metadata.uid).toBe('u-1');
    expect(store.cluster.podNow('default', 'p')?.uid).toBe('u-1');
  });

  it('applies what was given together in one transaction, each object by itself', async () => {
    const outcomes = await Promise.allSettled(
      [namespace('a'), pool('p'), pool('q'), pool('r', { ips: ['10.1.0.20'] })].map((object) =>
        store.objects.apply(object),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(store.cluster.pools().map(({ name }) => name)).toEqual(['p', 'r']);
  });
});

describe('edits of an object', () => {
  const target = ref('Namespace', 'default');
  const edits = (set: Record<string, string>, more: object = {}) => ({
    set,
    remove: [] as string[],
    overwrite: false,
    ...more,
  });

  it('sets and removes annotations and labels', async () => {
    await store.objects.annotate(target, edits({ a: '1', b: '2' }));
    const { object } = await store.objects.annotate(target, edits({}, { remove: ['a', 'none'] }));
    expect(object.metadata.annotations).toEqual({ b: '2' });
    const labelled = await store.objects.label(target, edits({ l: '1' }));
    expect(labelled.object.metadata.labels).toMatchObject({ l: '1' });
    expect(store.cluster.namespace('default')).toMatchObject({
      labels: { l: '1' },
      annotations: { b: '2' },
    });
  });

  it('removes the last annotation with its map', async () => {
    await store.objects.annotate(target, edits({ a: '1' }));
    const { object } = await store.objects.annotate(target, edits({}, { remove: ['a'] }));
    expect(object.metadata).not.toHaveProperty('annotations');
  });

  it('refuses to overwrite another value unless told to', async () => {
    await store.objects.annotate(target, edits({ a: '1' }));
    await expect(store.objects.annotate(target, edits({ a: '2' }))).rejects.toMatchObject({
      code: 'OBJECT_INVALID',
      message:
        "--overwrite is false but found the following declared annotation(s): 'a' already has a value (1)",
    });
    expect((await store.objects.annotate(target, edits({ a: '1' }))).action).toBe('unchanged');
    const { object } = await store.objects.annotate(target, edits({ a: '2' }, { overwrite: true }));
    expect(object.metadata.annotations).toEqual({ a: '2' });
    await store.objects.label(target, edits({ l: '1' }));
    await expect(store.objects.label(target, edits({ l: '2' }))).rejects.toMatchObject({
      message: "'l' already has a value (1), and --overwrite is false",
    });
  });

  it('names the object that is not there', async () => {
    const missing = ref('CalicoIPPool', 'x');
    await expect(store.objects.annotate(missing, edits({ a: '1' }))).rejects.toMatchObject({
      code: 'OBJECT_NOT_FOUND',
      message: 'ippools.projectcalico.org "x" not found',
    });
  });

  it('patches by merge and by operations, under the rules of admission', async () => {
    await store.objects.apply(pool('p'));
    const merged = await store.objects.patch(ref('SpiderIPPool', 'p'), 'merge', {
      spec: { disable: true },
    });
    expect(merged.action).toBe('configured');
    expect(store.cluster.pools()[0]?.disabled).toBe(true);
    await store.objects.patch(ref('SpiderIPPool', 'p'), 'json', [
      { op: 'replace', path: '/spec/disable', value: false },
    ]);
    expect(store.cluster.pools()[0]?.disabled).toBe(false);
    await expect(
      store.objects.patch(ref('SpiderIPPool', 'p'), 'merge', { spec: { subnet: '10.2.0.0/16' } }),
    ).rejects.toMatchObject({ code: 'OBJECT_INVALID', message: /is not changeable/ as never });
  });

  it('refuses a patch that makes another object of it', async () => {
    for (const patch of [{ kind: 'Node' }, { metadata: { name: 'x' } }, null, 'text']) {
      await expect(store.objects.patch(target, 'merge', patch)).rejects.toMatchObject({
        code: 'OBJECT_INVALID',
      });
    }
  });
});

describe('deletion', () => {
  it('says what became of the object', async () => {
    await store.objects.apply(pool('p'));
    expect(await store.objects.delete(ref('SpiderIPPool', 'p'))).toBe('deleted');
    expect(await store.objects.delete(ref('SpiderIPPool', 'p'))).toBe('missing');
    expect(store.cluster.pools()).toEqual([]);
  });

  it('of a pool in use waits for its last claim', async () => {
    await store.objects.apply(pool('p'));
    const claim = claimOf('10.1.0.10', { pool: 'p' });
    await store.ledger.commit([writeOf(claim)]);
    now += 1_000;
    expect(await store.objects.delete(ref('SpiderIPPool', 'p'))).toBe('terminating');
    expect(await store.objects.delete(ref('SpiderIPPool', 'p'))).toBe('terminating');
    expect(store.cluster.pools()).toMatchObject([{ name: 'p', terminating: true }]);
    expect(store.objects.get(ref('SpiderIPPool', 'p'))?.metadata).toMatchObject({
      deletionTimestamp: expect.stringMatching(/^2026-01-01T00:00:\d\dZ$/),
    });
    await expect(store.objects.apply(pool('p', { disable: true }))).rejects.toMatchObject({
      code: 'OBJECT_INVALID',
    });
    expect(await store.objects.sweepTerminating()).toEqual([]);
    await store.ledger.commit([writeOf(restingOf(claim), claim)]);
    expect(await store.objects.sweepTerminating()).toEqual(['p']);
    expect(store.objects.get(ref('SpiderIPPool', 'p'))).toBeUndefined();
    expect(await store.objects.sweepTerminating()).toEqual([]);
  });

  it('of a pool in use is refused where the settings say so', async () => {
    await store.objects.apply(pool('p'));
    await store.objects.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'spiderpool-conf', namespace: 'kube-system' },
      data: { 'conf.yml': 'enableValidatingResourcesDeletedWebhook: true' },
    });
    expect(store.cluster.conf().enableValidatingResourcesDeletedWebhook).toBe(true);
    await store.ledger.commit([writeOf(claimOf('10.1.0.10', { pool: 'p' }))]);
    await expect(store.objects.delete(ref('SpiderIPPool', 'p'))).rejects.toMatchObject({
      message: expect.stringContaining('cannot delete an IPPool with allocated IPs(1)'),
    });
  });

  it('tells the claims of two pools of one name apart by their ranges', async () => {
    await store.objects.apply(pool('p'));
    await store.objects.apply({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: 'p' },
      spec: { cidr: '10.9.0.0/16' },
    });
    await store.ledger.commit([writeOf(claimOf('10.9.0.1', { pool: 'p' }))]);
    expect(await store.objects.delete(ref('SpiderIPPool', 'p'))).toBe('deleted');
    expect(await store.objects.delete(ref('CalicoIPPool', 'p'))).toBe('terminating');
  });

  it('of a namespace takes its content along; the first two stay', async () => {
    await store.objects.apply(namespace('a'));
    await store.objects.apply({ ...pod('p'), metadata: { name: 'p', namespace: 'a' } });
    expect(await store.objects.delete(ref('Namespace', 'a'))).toBe('deleted');
    expect(store.objects.list('Pod')).toEqual([]);
    await expect(store.objects.delete(ref('Namespace', 'default'))).rejects.toMatchObject({
      code: 'OBJECT_INVALID',
      message: 'namespaces "default" is forbidden: this namespace may not be deleted',
    });
  });
});

describe('a shrunk pool', () => {
  it('is refused below a used address, naming the lowest and its holder', async () => {
    await store.objects.apply(pool('p'));
    await store.ledger.commit([
      writeOf(claimOf('10.1.0.19', { pool: 'p' })),
      writeOf(claimOf('10.1.0.15', { pool: 'p' })),
      writeOf(restingOf(claimOf('10.1.0.13', { pool: 'p' }))),
    ]);
    await expect(
      store.objects.apply(pool('p', { ips: ['10.1.0.10-10.1.0.12'] })),
    ).rejects.toMatchObject({
      message: expect.stringContaining(
        'remove an IP address 10.1.0.15 that is being used by Pod default/web',
      ),
    });
    const edit = await store.objects.apply(pool('p', { ips: ['10.1.0.15-10.1.0.25'] }));
    expect(edit.action).toBe('configured');
    expect(store.cluster.pools()[0]?.ranges.format()).toEqual(['10.1.0.15-10.1.0.25']);
  });
});

describe('workloads', () => {
  it('become pods that are spread over the nodes, and follow the number of replicas', async () => {
    await store.objects.apply(node('n1'));
    await store.objects.apply(node('n2'));
    await store.objects.apply(deployment('web', 4));
    const nodesOf = () =>
      store.objects
        .list('Pod', 'default')
        .map((one) => (one.spec as { nodeName: string }).nodeName);
    expect(nodesOf().sort()).toEqual(['n1', 'n1', 'n2', 'n2']);
    const first = store.objects.list('Pod', 'default');
    expect(store.cluster.podNow('default', first[0]!.metadata.name)?.controller).toEqual({
      kind: 'Deployment',
      name: 'web',
    });
    await store.objects.apply(deployment('web', 5));
    expect(store.objects.list('Pod')).toEqual(expect.arrayContaining(first));
    expect(store.objects.count('Pod')).toBe(5);
    await store.objects.patch(ref('Deployment', 'web', 'default'), 'merge', {
      spec: { replicas: 1 },
    });
    expect(store.objects.count('Pod')).toBe(1);
  });

  it('applied again unchanged make the pods anew that were deleted, and leave the others', async () => {
    await store.objects.apply(deployment('web', 3));
    const before = store.objects.list('Pod');
    const replicaSets = store.objects.list('ReplicaSet');
    await store.objects.delete(ref('Pod', before[1]!.metadata.name, 'default'));
    const edit = await store.objects.apply(deployment('web', 3));
    expect(edit.action).toBe('unchanged');
    const after = store.objects.list('Pod');
    expect(names(after)).toEqual(names(before));
    expect(after.map((one, index) => one.metadata.uid === before[index]!.metadata.uid)).toEqual([
      true,
      false,
      true,
    ]);
    expect(store.objects.list('ReplicaSet')).toEqual(replicaSets);
  });

  it('applied again unchanged go to nodes that came later', async () => {
    const tainted = { ...node('n0'), spec: { unschedulable: true } };
    await store.objects.apply(tainted);
    await store.objects.apply(deployment('web', 2));
    await store.objects.apply(pod('bare'));
    const nodesOf = () =>
      store.objects.list('Pod').map((one) => (one.spec as { nodeName?: string }).nodeName);
    expect(nodesOf()).toEqual([undefined, undefined, undefined]);
    await store.objects.apply(node('n1'));
    expect((await store.objects.apply(deployment('web', 2))).action).toBe('unchanged');
    expect((await store.objects.apply(pod('bare'))).action).toBe('configured');
    expect(nodesOf()).toEqual(['n1', 'n1', 'n1']);
    expect((await store.objects.apply(pod('bare'))).action).toBe('unchanged');
  });

  it('get other pods with another template, and take them along when they go', async () => {
    await store.objects.apply(deployment('web', 2));
    const before = names(store.objects.list('Pod'));
    await store.objects.apply(deployment('web', 2, 'other'));
    const after = names(store.objects.list('Pod'));
    expect(after).toHaveLength(2);
    expect(after.filter((name) => before.includes(name))).toEqual([]);
    expect(store.objects.count('ReplicaSet')).toBe(1);
    await store.objects.apply(pod('bystander'));
    await store.objects.delete(ref('Deployment', 'web', 'default'));
    expect(names(store.objects.list('Pod'))).toEqual(['bystander']);
    expect(store.objects.count('ReplicaSet')).toBe(0);
  });
});

describe('a StatefulSet', () => {
  it('with another template has pods of the same names and other uids', async () => {
    const set = (image: string) => ({ ...deployment('db', 1, image), kind: 'StatefulSet' });
    await store.objects.apply(set('one'));
    const [before] = store.objects.list('Pod');
    await store.objects.apply(set('two'));
    const [after] = store.objects.list('Pod');
    expect(after!.metadata.name).toBe('db-0');
    expect(before!.metadata.name).toBe('db-0');
    expect(after!.metadata.uid).not.toBe(before!.metadata.uid);
  });
});

describe('the cluster of the embedded store', () => {
  it('shows a pod with its node, controller and whether it is dead', async () => {
    expect(store.cluster.podNow('default', 'p')).toBeUndefined();
    await store.objects.apply(pod('p', { metadata: { name: 'p', labels: { app: 'x' } } }));
    expect(await store.cluster.pod('default', 'p')).toMatchObject({
      node: 'node-1',
      labels: { app: 'x' },
      annotations: {},
      dead: false,
      controller: { kind: 'Pod', name: 'p' },
    });
  });

  it.each([
    { phase: 'Running', restartPolicy: 'Never', reason: undefined, dead: false },
    { phase: 'Succeeded', restartPolicy: 'Always', reason: undefined, dead: false },
    { phase: 'Succeeded', restartPolicy: 'OnFailure', reason: undefined, dead: true },
    { phase: 'Failed', restartPolicy: 'OnFailure', reason: undefined, dead: false },
    { phase: 'Failed', restartPolicy: 'Never', reason: undefined, dead: true },
    { phase: 'Failed', restartPolicy: 'Always', reason: 'Evicted', dead: true },
  ])('takes a pod of phase $phase, $restartPolicy, $reason for dead: $dead', async (row) => {
    const { phase, restartPolicy, reason, dead } = row;
    const spec = { restartPolicy, containers: [{ name: 'c', image: 'i' }] };
    await store.objects.apply(pod('p', { spec, status: { phase, reason } }));
    expect(store.cluster.podNow('default', 'p')?.dead).toBe(dead);
  });

  it('has empty views of what is not known, and follows edits', async () => {
    expect(store.cluster.node('n')).toEqual({ name: 'n', labels: {}, annotations: {} });
    await store.objects.apply(node('n'));
    expect(store.cluster.node('n').labels).toMatchObject({ 'kubernetes.io/hostname': 'n' });
    await store.objects.delete(ref('Node', 'n'));
    expect(store.cluster.node('n').labels).toEqual({});
  });

  it('reserves what is reserved, by family', async () => {
    const reserved = (name: string, ips: string[]) => ({
      apiVersion: 'spiderpool.spidernet.io/v2beta1',
      kind: 'SpiderReservedIP',
      metadata: { name },
      spec: { ips },
    });
    const generation = store.cluster.poolGeneration;
    await store.objects.apply(reserved('r4', ['10.0.0.1-10.0.0.3']));
    await store.objects.apply(reserved('r6', ['fd00::1']));
    await store.objects.apply({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPReservation',
      metadata: { name: 'c' },
      spec: { reservedCIDRs: ['10.0.0.4/30', 'fd00::8/127'] },
    });
    expect(store.cluster.poolGeneration).toBeGreaterThanOrEqual(generation + 3);
    expect(store.cluster.reserved(4).format()).toEqual(['10.0.0.1-10.0.0.7']);
    expect(store.cluster.reserved(6).format()).toEqual(['fd00::1', 'fd00::8-fd00::9']);
    await store.objects.delete(ref('SpiderReservedIP', 'r4'));
    expect(store.cluster.reserved(4).format()).toEqual(['10.0.0.4-10.0.0.7']);
  });

  it("gives Calico's pools the rest of the IPAMConfiguration and counts that as an edit", async () => {
    await store.objects.apply({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: 'c' },
      spec: { cidr: '10.9.0.0/16' },
    });
    const before = store.cluster.pools()[0]!;
    await store.objects.apply({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPAMConfiguration',
      metadata: { name: 'default' },
      spec: { ipCooldownSeconds: 9 },
    });
    expect(store.cluster.pools()[0]).toMatchObject({ restMs: 9_000 });
    expect(store.cluster.pools()[0]?.revision).not.toBe(before.revision);
  });

  it('forgets what a failed transaction would have brought', async () => {
    await store.objects.apply(pool('p'));
    fault = (point) => {
      if (point === 'commit') throw Object.assign(new Error('full'), { errcode: 13 });
    };
    await expect(store.objects.apply(pool('p', { disable: true }))).rejects.toMatchObject({
      code: 'STORE_FAILURE',
    });
    await expect(store.objects.apply(node('n'))).rejects.toMatchObject({ code: 'STORE_FAILURE' });
    fault = undefined;
    expect(store.cluster.pools()).toMatchObject([{ name: 'p', disabled: false }]);
    expect(store.cluster.node('n').labels).toEqual({});
    expect((await store.objects.apply(pool('p', { disable: true }))).action).toBe('configured');
  });
});
