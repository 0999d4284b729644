/**
 * The kinds of the dialects, made where the cluster does not have them:
 *
 *     served already, by Spiderpool, by Calico or by its API server ─► left alone
 *     made here before (its label says so) and older than this program ─► brought up to date
 *     not served in any of its versions ─► created
 *
 * A create never overwrites: who comes second finds the name taken and leaves it.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KINDS } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { parseManifests } from '../dialect/manifest.ts';
import { pause, type Timers } from '../ipam/timers.ts';
import type { ApiOutcome } from '../kube/api.ts';
import type { ApiServer } from '../kube/api-server.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../kube/resources.ts';
import type { ObjectApi } from './access.ts';

const OWNER_LABEL = 'app.kubernetes.io/managed-by';
const OWNER = 'orbweaver';
/** Digest of the definition that was written last: the server fills in more than was written. */
const DIGEST_ANNOTATION = 'ipam.orbweaver.dev/definition';
const AGAIN_MS = 1_000;
const SERVED_POLL_MS = 100;
const SERVED_POLLS_MAX = 100;

export interface CrdInstallParts {
  readonly api: Pick<ApiServer, 'request'>;
  readonly objects: Pick<ObjectApi, 'get' | 'create' | 'replace'>;
  readonly timers: Timers;
  /** deploy/crds of this package. */
  readonly folder: string;
  /** Whether to give up: a server that is away is asked again and again. */
  readonly isOver?: () => boolean;
}

/** Names of definitions, and sentences about what could not be done. */
export interface CrdReport {
  readonly created: string[];
  readonly updated: string[];
  /** Somebody else's. */
  readonly foreign: string[];
  readonly faults: string[];
}

/**
 * Installs what is missing, however long the server is away, and waits until it is served. Never rejects; safe to
 * run in every replica.
 */
export async function installCrds(parts: CrdInstallParts): Promise<CrdReport> {
  const report: CrdReport = { created: [], updated: [], foreign: [], faults: [] };
  for (const crd of definitions(parts.folder)) {
    let fault = await install(parts, crd, report);
    while (fault !== undefined && isPassing(fault) && parts.isOver?.() !== true) {
      await pause(parts.timers, AGAIN_MS);
      fault = await install(parts, crd, report);
    }
    if (fault !== undefined) {
      const why = 'reason' in fault ? fault.reason : fault.kind;
      report.faults.push(`${crd.metadata.name}: ${why}`);
    }
  }
  // Also what another replica made a moment ago: whoever looks for a kind too early looks again only much later.
  for (const crd of definitions(parts.folder)) {
    const { name } = crd.metadata;
    const inDoubt = (fault: string) => fault.startsWith(`${name}: `);
    if (!report.foreign.includes(name) && !report.faults.some(inDoubt)) {
      await served(parts, crd);
    }
  }
  return report;
}

/** The definitions of deploy/crds that carry the label; the ledger's own is a manifest of its own. */
export function definitions(folder: string): KubeObject[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => parseManifests(readFileSync(join(folder, name), 'utf8'), name))
    .filter((crd) => crd.metadata.labels?.[OWNER_LABEL] === OWNER)
    .map((crd) => {
      const digest = createHash('sha256').update(JSON.stringify(crd.spec)).digest('hex');
      return {
        ...crd,
        metadata: { ...crd.metadata, annotations: { [DIGEST_ANNOTATION]: digest } },
      };
    });
}

type Fault = ApiOutcome<unknown>;

/** Whether it helps to ask again. */
function isPassing({ kind }: Fault): boolean {
  return kind === 'away' || kind === 'busy' || kind === 'unknown';
}

/** Undefined where nothing is left to do. */
async function install(
  parts: CrdInstallParts,
  crd: KubeObject,
  report: CrdReport,
): Promise<Fault | undefined> {
  const { objects } = parts;
  const { name } = crd.metadata;
  const found = await objects.get(CUSTOM_RESOURCE_DEFINITIONS, { name });
  if (found.kind === 'ok') {
    return update(parts, found.value, crd, report);
  }
  if (found.kind !== 'not-found') {
    return found;
  }
  const served = await isServed(parts.api, crd);
  if (served === true) {
    report.foreign.push(name);
    return undefined;
  }
  if (served !== false) {
    return served;
  }
  const made = await objects.create(CUSTOM_RESOURCE_DEFINITIONS, crd);
  return ended(made, report.created, name);
}

async function update(
  parts: CrdInstallParts,
  present: KubeObject,
  crd: KubeObject,
  report: CrdReport,
): Promise<Fault | undefined> {
  const { name, labels, annotations } = present.metadata;
  if (labels?.[OWNER_LABEL] !== OWNER) {
    report.foreign.push(name);
    return undefined;
  }
  if (annotations?.[DIGEST_ANNOTATION] === crd.metadata.annotations?.[DIGEST_ANNOTATION]) {
    return undefined;
  }
  const metadata = {
    ...present.metadata,
    annotations: { ...annotations, ...crd.metadata.annotations },
  };
  const written = await parts.objects.replace(CUSTOM_RESOURCE_DEFINITIONS, {
    ...present,
    metadata,
    spec: crd.spec,
  });
  return ended(written, report.updated, name);
}

/** A conflict is another replica that was faster. */
function ended(outcome: ApiOutcome<KubeObject>, done: string[], name: string): Fault | undefined {
  if (outcome.kind === 'ok') {
    done.push(name);
    return undefined;
  }
  return outcome.kind === 'conflict' ? undefined : outcome;
}

/**
 * Whether the server has the kind in any version that is read: Calico's also by its own API server, or as
 * `crd.projectcalico.org/v1`. An outcome where it does not say.
 */
async function isServed(
  api: CrdInstallParts['api'],
  crd: KubeObject,
): Promise<boolean | ApiOutcome<unknown>> {
  const { group, names } = crd.spec as { group: string; names: { plural: string } };
  const kind = KINDS.find(
    ({ apiVersions, plural }) =>
      plural === names.plural && apiVersions.some((version) => version.startsWith(`${group}/`)),
  );
  for (const version of kind?.apiVersions ?? []) {
    const path = `/apis/${version}`;
    const listed = await api.request<{ resources?: { name: string }[] }>({ method: 'GET', path });
    if (listed.kind === 'ok') {
      if (listed.value.resources?.some(({ name }) => name === names.plural)) {
        return true;
      }
    } else if (listed.kind !== 'not-found') {
      return listed;
    }
  }
  return false;
}

/** Resolves when the server has the kind, or after a while without. */
async function served(parts: CrdInstallParts, crd: KubeObject): Promise<void> {
  for (let polls = 0; polls < SERVED_POLLS_MAX && parts.isOver?.() !== true; polls += 1) {
    if ((await isServed(parts.api, crd)) === true) {
      return;
    }
    await pause(parts.timers, SERVED_POLL_MS);
  }
}
