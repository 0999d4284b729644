/**
 * Manifests as text: YAML with any number of documents, JSON, and lists, to Kubernetes objects and back.
 *
 * YAML is read by the 1.1 rules that kubectl follows (`yes` is a boolean, `0644` is octal); dates and
 * sexagesimal numbers stay strings as they do there. Nothing here knows what a kind means.
 */
import {
  type CreateNodeOptions,
  type Document,
  type DocumentOptions,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParseOptions,
  parseAllDocuments,
  type Scalar,
  type SchemaOptions,
  stringify,
  type ToStringOptions,
} from 'yaml';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { shown } from '../catalogue/shown.ts';
import type { KubeObject } from './kube-object.ts';
import { lineNestedDeeper } from './manifest-depth.ts';

type Json = Record<string, unknown>;

/** Uses of aliases, expanded: more than this is an alias bomb, not a manifest. */
const ALIASES_MAX = 100;

const TOO_DEEP = `nested deeper than ${LIMITS.manifestDepthMax} levels`;
const MERGE_KEY = '<<';

const READ_OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  // The parser compares each key with all others of its map; here they are looked up (firstDuplicateKey).
  uniqueKeys: false,
  // It would cut an excerpt out of the text for each of any number of errors.
  prettyErrors: false,
  // Keys that are maps or lists would be warned about on the console.
  logLevel: 'error',
  customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isForeign(tag)),
};

const WRITE_OPTIONS: DocumentOptions & SchemaOptions & CreateNodeOptions & ToStringOptions = {
  version: '1.1',
  aliasDuplicateObjects: false,
  lineWidth: 0,
};

/** Tags of YAML 1.1 that JSON has no place for, and numbers to the base of sixty. */
function isForeign(tag: { tag: string; format?: string }): boolean {
  return tag.format === 'TIME' || /:(binary|omap|pairs|set|timestamp)$/.test(tag.tag);
}

/**
 * The objects of a manifest, in the order written. Lists (`kind: List`, `kind: SpiderIPPoolList`, a YAML
 * list as calicoctl takes it) are opened; empty documents are skipped. What comes back shares no structure
 * with anything. `sourceName` is the file that errors name.
 *
 * Throws OBJECT_INVALID with `FILE:LINE: …`: text above LIMITS.manifestBytesMax, a syntax error, a duplicate
 * key, too many aliases, nesting deeper than LIMITS.manifestDepthMax, or an object without `apiVersion`,
 * `kind` or `metadata.name`.
 */
export function parseManifests(text: string, sourceName: string): KubeObject[] {
  if (Buffer.byteLength(text) > LIMITS.manifestBytesMax) {
    throw new OrbweaverError(
      'OBJECT_INVALID',
      `${sourceName}: larger than ${LIMITS.manifestBytesMax} bytes`,
    );
  }
  const lines = new LineCounter();
  const objects: KubeObject[] = [];
  for (const document of readDocuments(text, sourceName, lines)) {
    const where = `${sourceName}:${lineOf(document, lines)}`;
    for (const value of openList(toValue(document, where), where)) {
      objects.push(readObject(value.value, value.where));
    }
  }
  return objects;
}

/**
 * The values of a text's documents, whatever they are, without the empty ones. `sourceName` is the file that errors
 * name; they are those of `parseManifests` up to nesting.
 */
export function parseValues(text: string, sourceName: string): unknown[] {
  const lines = new LineCounter();
  return readDocuments(text, sourceName, lines)
    .map((document) => toValue(document, `${sourceName}:${lineOf(document, lines)}`))
    .filter((value) => value !== null && value !== undefined);
}

function readDocuments(text: string, sourceName: string, lines: LineCounter): Document[] {
  const deep = lineNestedDeeper(text, LIMITS.manifestDepthMax + 1);
  if (deep !== undefined) {
    throw fault(`${sourceName}:${deep}`, TOO_DEEP);
  }
  let documents: Document[];
  try {
    // An empty stream comes back as a list of another type, without documents.
    documents = [...parseAllDocuments(text, { ...READ_OPTIONS, lineCounter: lines })];
  } catch (error) {
    throw fault(sourceName, parserFault(error as Error));
  }
  for (const document of documents) {
    const [first] = document.errors;
    if (first !== undefined) {
      throw fault(`${sourceName}:${lines.linePos(first.pos[0]).line}`, parserFault(first));
    }
    const twice = firstDuplicateKey(document.contents);
    if (twice !== undefined) {
      const { line } = lines.linePos(twice.range?.[0] ?? 0);
      throw fault(`${sourceName}:${line}`, `Map keys must be unique: ${shown(twice.value)}`);
    }
  }
  return documents;
}

/** The second of two equal keys of one map, anywhere below. Keys that merge other maps may be repeated. */
function firstDuplicateKey(node: unknown): Scalar | undefined {
  if (isSeq(node)) {
    return firstOf(node.items, firstDuplicateKey);
  }
  if (!isMap(node)) return undefined;
  const seen = new Set<unknown>();
  return firstOf(node.items, ({ key, value }) => {
    if (isScalar(key) && key.value !== MERGE_KEY) {
      if (seen.has(key.value)) return key;
      seen.add(key.value);
    }
    return firstDuplicateKey(key) ?? firstDuplicateKey(value);
  });
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The parser's message without its own position and excerpt. It is recursive, so depth ends its stack. */
function parserFault(error: Error): string {
  if (error.message.includes('call stack')) return 'nested too deeply';
  return error.message.split(/ at line |\n/)[0]!;
}

/** The line, from 1, where the document's content begins. */
function lineOf(document: Document, lines: LineCounter): number {
  const offset = document.contents?.range?.[0] ?? document.range?.[0] ?? 0;
  return Math.max(lines.linePos(offset).line, 1);
}

function toValue(document: Document, where: string): unknown {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    throw fault(where, parserFault(error as Error));
  }
  return copyTree(value, where, 0);
}

/**
 * A copy without shared parts, so that no object changes when another is edited. An anchor that holds its
 * own alias is a circle and ends at the depth limit.
 */
function copyTree(value: unknown, where: string, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > LIMITS.manifestDepthMax) {
    throw fault(where, TOO_DEEP);
  }
  if (Array.isArray(value)) return value.map((item) => copyTree(item, where, depth + 1));
  const copy = Object.entries(value).map(([key, item]) => [key, copyTree(item, where, depth + 1)]);
  return Object.fromEntries(copy);
}

function* openList(value: unknown, where: string): Generator<{ value: unknown; where: string }> {
  if (value === null || value === undefined) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield* openList(item ?? {}, `${where}: [${index}]`);
    }
    return;
  }
  const list = asList(value);
  if (list === undefined) {
    yield { value, where };
    return;
  }
  for (const [index, item] of list.items.entries()) {
    const whole = isJsonMap(item) ? { ...list.common, ...item } : item;
    yield* openList(whole ?? {}, `${where}: items[${index}]`);
  }
}

/** Items of a list; those of a typed one (`FooList`) need not repeat their apiVersion and kind. */
function asList(value: unknown): { items: unknown[]; common: Json } | undefined {
  if (!isJsonMap(value) || !Array.isArray(value.items)) return undefined;
  const kind = value.kind;
  if (typeof kind !== 'string' || !kind.endsWith('List')) return undefined;
  const common = { apiVersion: value.apiVersion, kind: kind.slice(0, -'List'.length) };
  return { items: value.items, common: kind === 'List' ? {} : common };
}

/**
 * The value as an object, if it has what every object has: `apiVersion`, `kind` and `metadata.name`, all
 * non-empty strings. `where` begins the error text. Throws OBJECT_INVALID.
 */
export function readObject(value: unknown, where: string): KubeObject {
  if (!isJsonMap(value)) throw fault(where, `expected an object, got ${shown(value)}`);
  requireText(value.apiVersion, 'apiVersion', where);
  requireText(value.kind, 'kind', where);
  const what = `${where}: ${value.kind}`;
  const metadata = value.metadata;
  if (!isJsonMap(metadata))
    throw fault(what, `metadata: expected an object, got ${shown(metadata)}`);
  if (metadata.name === undefined && metadata.generateName !== undefined) {
    throw fault(what, 'metadata.generateName is not supported, set metadata.name');
  }
  requireText(metadata.name, 'metadata.name', what);
  return value as unknown as KubeObject;
}

function requireText(value: unknown, path: string, where: string): void {
  if (value === undefined || value === null || value === '') throw fault(where, `${path} not set`);
  if (typeof value !== 'string') {
    throw fault(where, `${path}: expected a string, got ${shown(value)}`);
  }
}

/**
 * Objects as YAML, as kubectl prints them: bare where there is one, else as a `kind: List`. `list` says which
 * of both, for a query that may have any number of answers. Ends with a line feed.
 */
export function formatYaml(
  objects: readonly KubeObject[],
  list: boolean = objects.length !== 1,
): string {
  return stringify(oneOrList(objects, list), WRITE_OPTIONS);
}

/** The same as JSON, indented by four. */
export function formatJson(
  objects: readonly KubeObject[],
  list: boolean = objects.length !== 1,
): string {
  return `${JSON.stringify(oneOrList(objects, list), undefined, 4)}\n`;
}

function oneOrList(objects: readonly KubeObject[], list: boolean): unknown {
  if (!list) return objects[0];
  return { apiVersion: 'v1', items: objects, kind: 'List', metadata: { resourceVersion: '' } };
}

function isJsonMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(where: string, text: string): OrbweaverError {
  return new OrbweaverError('OBJECT_INVALID', `${where}: ${text}`);
}
