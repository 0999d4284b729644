/**
 * Spiderpool's settings out of the ConfigMap `spiderpool-conf` (reference/spiderpool.md 8.3): the present
 * form keeps them as YAML under the key `conf.yml`, the older one as keys of their own.
 */
import { parseDocument } from 'yaml';
import { invalid } from '../selector/field-error.ts';
import type { KubeObject } from './kube-object.ts';
import { fieldFault, inObject } from './spec-fields.ts';

export const SPIDERPOOL_CONF_NAME = 'spiderpool-conf';
const CONF_KEY = 'conf.yml';

const SWITCHES = {
  enableIPv4: true,
  enableIPv6: true,
  enableStatefulSet: true,
  enableKubevirtStaticIP: true,
  enableSpiderSubnet: true,
  enableAutoPoolForApplication: true,
  enableCleanOutdatedEndpoint: false,
  enableIPConflictDetection: false,
  enableGatewayDetection: false,
  enableValidatingResourcesDeletedWebhook: false,
} as const;

const LISTS = {
  clusterDefaultIPv4IPPool: [],
  clusterDefaultIPv6IPPool: [],
} as const;

type Switch = keyof typeof SWITCHES;
type List = keyof typeof LISTS;

/**
 * The settings. A key that is not written has the value of Spiderpool's chart. The two lists name the cluster
 * default pools of the older form, in order; empty where not written.
 */
export type SpiderpoolConf = Readonly<Record<Switch, boolean>> &
  Readonly<Record<List, readonly string[]>>;

/** The settings where there is no ConfigMap. */
export const SPIDERPOOL_CONF_DEFAULTS: SpiderpoolConf = { ...SWITCHES, ...LISTS };

/** Whether an object is the ConfigMap that readSpiderpoolConf reads; the namespace is the installation's choice. */
export function isSpiderpoolConf(object: KubeObject): boolean {
  return (
    object.apiVersion === 'v1' &&
    object.kind === 'ConfigMap' &&
    object.metadata.name === SPIDERPOOL_CONF_NAME
  );
}

/**
 * Reads the settings; without a ConfigMap the defaults. Booleans and lists may be written as such or as text
 * holding them, since a real API server keeps only texts; a list's text may be YAML or JSON. A key in
 * `conf.yml` comes before one of its own. Keys that Orbweaver has no use for are left alone.
 *
 * Throws OBJECT_INVALID naming the key and the value for text that is not YAML and for a value of the wrong type.
 */
export function readSpiderpoolConf(configMap: KubeObject | undefined): SpiderpoolConf {
  if (configMap === undefined) return SPIDERPOOL_CONF_DEFAULTS;
  return inObject(configMap, () => readData(configMap.data));
}

function unusable(path: string, value: unknown, detail: string): Error {
  return fieldFault(invalid(path, value, detail));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readData(data: unknown): SpiderpoolConf {
  if (data === undefined || data === null) return SPIDERPOOL_CONF_DEFAULTS;
  if (!isRecord(data)) throw unusable('data', data, 'must be a map of texts');
  const inner = readInner(data[CONF_KEY]);
  const lookUp = (key: string): { value: unknown; path: string } =>
    Object.hasOwn(inner, key)
      ? { value: inner[key], path: `data[${CONF_KEY}].${key}` }
      : { value: Object.hasOwn(data, key) ? data[key] : undefined, path: `data[${key}]` };
  const conf: Record<string, boolean | readonly string[]> = {};
  for (const key of Object.keys(SWITCHES) as Switch[]) {
    const { value, path } = lookUp(key);
    conf[key] = readSwitch(value, path) ?? SWITCHES[key];
  }
  for (const key of Object.keys(LISTS) as List[]) {
    const { value, path } = lookUp(key);
    conf[key] = readList(value, path);
  }
  return conf as SpiderpoolConf;
}

function readInner(value: unknown): Record<string, unknown> {
  const path = `data[${CONF_KEY}]`;
  const settings = typeof value === 'string' ? readYaml(value, path) : value;
  if (settings === undefined || settings === null) return {};
  if (!isRecord(settings)) throw unusable(path, value, 'must be a YAML map of settings');
  return settings;
}

/** As kubectl reads manifests, so that `yes` is a boolean here too. */
const YAML = { version: '1.1', logLevel: 'error', prettyErrors: false } as const;
const ALIASES_MAX = 100;

function readYaml(text: string, path: string): unknown {
  try {
    const document = parseDocument(text, YAML);
    const fault = document.errors[0];
    if (fault !== undefined) throw fault;
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    throw unusable(path, text, `is not usable YAML: ${(error as Error).message}`);
  }
}

function readSwitch(value: unknown, path: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw unusable(path, value, 'must be true or false');
}

function readList(value: unknown, path: string): readonly string[] {
  const list = typeof value === 'string' ? readYaml(value, path) : value;
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw unusable(path, value, 'must be a list of pool names');
  return list.map((name, index) => {
    if (typeof name === 'string' && name !== '') return name;
    throw unusable(`${path}[${index}]`, name, 'must be the name of a pool');
  });
}
