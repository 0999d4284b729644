/** Which definitions the controller makes, brings up to date and leaves alone. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { definitions, installCrds } from '../../src/controller/crd-install.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { ApiOutcome } from '../../src/kube/api.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../../src/kube/resources.ts';
import { KeptObjects } from './kept-objects.ts';

const FOLDER = join(import.meta.dirname, '../../deploy/crds');
const OURS = definitions(FOLDER);
const NAMES = OURS.map(({ metadata }) => metadata.name);
/** No time passes while a pause lasts. */
const timers = {
  now: () => performance.now(),
  after: (_ms: number, wake: () => void) => {
    setImmediate(wake);
    return () => {};
  },
};

/** A server that serves what it keeps, `lateBy` questions later, and `served` (apiVersion → plurals) besides. */
class Server extends KeptObjects {
  readonly #served: Readonly<Record<string, readonly string[]>>;
  requests: (path: string) => ApiOutcome<never> | undefined = () => undefined;

  constructor(served: Readonly<Record<string, readonly string[]>> = {}) {
    super();
    this.#served = served;
  }

  /** How often it is still asked before it knows the kinds that it keeps. */
  lateBy = 0;

  async request<T>({ path }: { path: string }): Promise<ApiOutcome<T>> {
    const version = path.slice('/apis/'.length);
    const fault = this.requests(path);
    if (fault !== undefined) return fault;
    const names = [...(this.#served[version] ?? []), ...this.#kept(version)];
    if (names.length === 0) return { kind: 'not-found' };
    return { kind: 'ok', value: { resources: names.map((name) => ({ name })) } as T };
  }

  #kept(version: string): string[] {
    const found = [...this.kept.values()].filter(({ metadata, spec }) => {
      const group = metadata.name.slice(metadata.name.indexOf('.') + 1);
      const versions = (spec as { versions?: { name: string }[] }).versions ?? [];
      return versions.some(({ name }) => `${group}/${name}` === version);
    });
    if (found.length > 0 && this.lateBy > 0) {
      this.lateBy -= 1;
      return [];
    }
    return found.map(({ metadata }) => metadata.name.slice(0, metadata.name.indexOf('.')));
  }

  install(isOver?: () => boolean) {
    const more = isOver === undefined ? {} : { isOver };
    return installCrds({ api: this, objects: this, timers, folder: FOLDER, ...more });
  }

  crd(name: string): KubeObject | undefined {
    return this.kept.get(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`);
  }
}

const foreign = (name: string, labels = {}): KubeObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name, labels },
  spec: { theirs: true },
});

const CALICO = ['ipamconfigurations', 'ippools', 'ipreservations'].map(
  (plural) => `${plural}.projectcalico.org`,
);

describe('installation of the kinds', () => {
  test('an empty cluster gets all but the ledger’s own, which is a manifest; again changes nothing', async () => {
    const server = new Server();
    expect(await server.install()).toEqual({
      created: NAMES,
      updated: [],
      foreign: [],
      faults: [],
    });
    expect(NAMES).not.toContain('ipblocks.ipam.orbweaver.dev');
    expect(await server.install()).toEqual({ created: [], updated: [], foreign: [], faults: [] });
  });

  test.each([
    ["Spiderpool's", 'spiderippools.spiderpool.spidernet.io', {}],
    [
      "Spiderpool's by its chart",
      'spiderendpoints.spiderpool.spidernet.io',
      { 'app.kubernetes.io/managed-by': 'Helm' },
    ],
    ["Calico's", 'ippools.projectcalico.org', {}],
  ])('%s stay as they are', async (_whose, name, labels) => {
    const server = new Server();
    const theirs = server.put(CUSTOM_RESOURCE_DEFINITIONS, foreign(name, labels));
    expect(await server.install()).toMatchObject({
      created: NAMES.filter((other) => other !== name),
      foreign: [name],
      faults: [],
    });
    expect(server.crd(name)).toEqual(theirs);
  });

  test.each([
    ["Calico's own API server", 'projectcalico.org/v3'],
    ["Calico's older definitions", 'crd.projectcalico.org/v1'],
  ])('%s serve the kinds: none of ours is put in front of them', async (_who, version) => {
    const server = new Server({ [version]: ['ippools', 'ipreservations', 'ipamconfigurations'] });
    const report = await server.install();
    expect(report).toMatchObject({ foreign: CALICO, faults: [] });
    expect(report.created).toEqual(NAMES.filter((name) => !CALICO.includes(name)));
  });

  test('one made here before, by an older version, is brought up to date and keeps its metadata', async () => {
    const name = 'spiderippools.spiderpool.spidernet.io';
    const server = new Server();
    const labels = { 'app.kubernetes.io/managed-by': 'orbweaver', mine: 'yes' };
    server.put(CUSTOM_RESOURCE_DEFINITIONS, foreign(name, labels));
    expect(await server.install()).toMatchObject({ updated: [name], foreign: [] });
    expect(server.crd(name)).toMatchObject({
      metadata: { labels },
      spec: OURS.find(({ metadata }) => metadata.name === name)!.spec,
    });
    expect(await server.install()).toMatchObject({ updated: [] });
  });

  test('waits until the kinds are served, also those that another replica made', async () => {
    const first = new Server();
    first.lateBy = 50;
    await first.install();
    expect(first.lateBy).toBe(0);
    first.lateBy = 50;
    expect(await first.install()).toMatchObject({ created: [] });
    expect(first.lateBy).toBe(0);
  });

  test('another replica that is faster is no fault', async () => {
    const server = new Server();
    server.fault = (verb) => (verb === 'create' ? { kind: 'conflict' } : undefined);
    expect(await server.install()).toEqual({ created: [], updated: [], foreign: [], faults: [] });
  });

  test('what may not be done is named, and the rest is done', async () => {
    const server = new Server();
    server.fault = (verb, path) =>
      verb === 'create' && path.endsWith(CALICO[1]!)
        ? { kind: 'refused', reason: 'customresourcedefinitions is forbidden' }
        : undefined;
    const report = await server.install();
    expect(report.created).toEqual(NAMES.filter((name) => name !== CALICO[1]));
    expect(report.faults).toEqual([`${CALICO[1]}: customresourcedefinitions is forbidden`]);
  });

  test('nothing is made where the server does not say what it serves, and it is asked until it does', async () => {
    const server = new Server();
    let asked = 0;
    server.requests = () => {
      asked += 1;
      return asked <= 2 ? { kind: 'away', reason: 'no connection' } : undefined;
    };
    expect(await server.install()).toMatchObject({ created: NAMES, faults: [] });
    expect(asked).toBeGreaterThan(NAMES.length);
  });

  test('asking ends when it is over', async () => {
    const server = new Server();
    server.fault = () => ({ kind: 'away', reason: 'no connection' });
    const report = await server.install(() => true);
    expect(report).toMatchObject({
      created: [],
      faults: NAMES.map((name) => `${name}: no connection`),
    });
  });
});
