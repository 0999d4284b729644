/**
 * One address of an IPBlock as one line of text (rule 1), fields parted by single blanks:
 *
 *     1c default/web-0 uid node pool network container eth0 since nonce check     claimed
 *     1r default/web-0 uid pool since rest nonce check                            at rest
 *     1u node since nonce check                                                   owner of a unit
 *
 * - `1` is the version of the format. Behind `c`: `a` claimed ahead, `k` kept, `d` one of
 *   two families, then the order if it is not 0.
 * - Names that repeat within a block (namespace, node, pool, network) stand in its `spec.names`, and lines
 *   refer to them by `@` and a key; the key is the beginning of the name's digest, so two nodes that add the
 *   same name write the same entry. A name no longer than its reference stands in the line itself.
 * - A container id that is longer than its digest is digested (`container-ref.ts`): lookups compare digests, and
 *   the container's network and interface stand beside it (rule 1).
 * - UUIDs are shortened; uids of another form stand behind `=`.
 * - Times are milliseconds in base 36; `rest` is how long the rest lasts.
 * - `check` covers the address and the line, so that what was edited by hand is noticed (rule 13).
 */
import { hash } from 'node:crypto';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { Claim, Line, Owner, Resting, Unit } from '../ipam/ports.ts';
import { type Address, formatAddress } from '../net/address.ts';
import { type Cidr, formatCidr } from '../net/cidr.ts';
import { containerRef } from './container-ref.ts';

/** Names of one block by their keys. */
export type Names = Readonly<Record<string, string>>;

/** A line ready to be written, and the names it refers to. */
export interface WrittenLine {
  readonly text: string;
  readonly names: Names;
}

/** A line that is not as this program writes it, and what is wrong with it. */
export interface LineFault {
  readonly fault: string;
}

const VERSION = '1';
const KEY_CHARS = 3;
const CHECK_CHARS = 2;
const RADIX = 36;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_CHARS = 22;
const NUMBER = /^-?[0-9a-z]+$/;

/**
 * The line as text. `known`: the names that the block has already. Throws CLAIM_TOO_LONG where line and names
 * together are longer than `claimLineBytesMax`.
 */
export function writeLine(line: Line, known: Names): WrittenLine {
  const names = new NameWriter(known);
  const fields = line.state === 'claimed' ? claimFields(line, names) : restFields(line, names);
  return finish(formatAddress(line.address), fields, names);
}

/** The owner of an affinity unit as text; errors as above. */
export function writeUnit(unit: Unit, known: Names): WrittenLine {
  const names = new NameWriter(known);
  const fields = [`${VERSION}u`, names.refer(unit.node), time(unit.claimedAt), plain(unit.nonce)];
  return finish(formatCidr(unit.cidr), fields, names);
}

/** What a line of the block says about an address. */
export function readLine(address: Address, text: string, names: Names): Line | LineFault {
  return reading(formatAddress(address), text, (fields) => {
    const reader = new FieldReader(fields, names);
    const head = reader.next();
    const flags = new RegExp(`^${VERSION}c(a?)(k?)(d?)(\\d*)$`).exec(head);
    if (flags !== null) {
      return readClaim(address, flags, reader);
    }
    if (head === `${VERSION}r`) {
      return readResting(address, reader);
    }
    throw new Unreadable(versionFault(head));
  });
}

/** Who owns a unit of the block. */
export function readUnit(cidr: Cidr, text: string, names: Names): Unit | LineFault {
  return reading(formatCidr(cidr), text, (fields) => {
    const reader = new FieldReader(fields, names);
    const head = reader.next();
    if (head !== `${VERSION}u`) {
      throw new Unreadable(versionFault(head));
    }
    const node = reader.name();
    const claimedAt = reader.time();
    const nonce = reader.plain();
    reader.end();
    return { cidr, node, claimedAt, nonce };
  });
}

/** The keys of `spec.names` that a line's text refers to. */
export function referredKeys(text: string): string[] {
  return [...text.matchAll(/[ ]@([\w-]+)/g)].map((match) => match[1] as string);
}

/** A digest of a text, for telling apart lines that cannot be read. */
export function textDigest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 12);
}

function claimFields(claim: Claim, names: NameWriter): string[] {
  const { owner, attachment } = claim;
  const flags = `${claim.ahead ? 'a' : ''}${claim.kept ? 'k' : ''}${claim.dual ? 'd' : ''}`;
  return [
    `${VERSION}c${flags}${claim.order === 0 ? '' : claim.order}`,
    ...ownerFields(owner, names),
    names.refer(claim.node),
    names.refer(claim.pool),
    names.refer(attachment.network),
    plain(containerRef(attachment.containerId)),
    plain(attachment.interfaceName),
    time(claim.claimedAt),
    plain(claim.nonce),
  ];
}

function restFields(line: Resting, names: NameWriter): string[] {
  return [
    `${VERSION}r`,
    ...ownerFields(line.owner, names),
    names.refer(line.pool),
    time(line.releasedAt),
    time(line.until - line.releasedAt),
    plain(line.nonce),
  ];
}

/** The namespace stands behind a blank, so that every reference does. */
function ownerFields({ namespace, pod, uid }: Owner, names: NameWriter): string[] {
  return [`${names.refer(namespace)}/${plain(pod)}`, uidField(uid)];
}

function readClaim(address: Address, flags: RegExpExecArray, reader: FieldReader): Claim {
  const owner = readOwner(reader);
  const node = reader.name();
  const pool = reader.name();
  const network = reader.name();
  const containerId = reader.plain();
  const interfaceName = reader.plain();
  const claimedAt = reader.time();
  const nonce = reader.plain();
  reader.end();
  return {
    state: 'claimed',
    address,
    pool,
    node,
    owner,
    attachment: { network, containerId, interfaceName },
    ahead: flags[1] !== '',
    ...(flags[2] === '' ? {} : { kept: true }),
    ...(flags[3] === '' ? {} : { dual: true }),
    order: Number(flags[4]),
    claimedAt,
    nonce,
  };
}

function readResting(address: Address, reader: FieldReader): Resting {
  const owner = readOwner(reader);
  const pool = reader.name();
  const releasedAt = reader.time();
  const until = releasedAt + reader.time();
  const nonce = reader.plain();
  reader.end();
  return { state: 'resting', address, pool, owner, releasedAt, until, nonce };
}

function readOwner(reader: FieldReader): Owner {
  const [namespace = '', pod, ...more] = reader.next().split('/');
  if (pod === undefined || more.length > 0) {
    throw new Unreadable('its holder is not namespace/pod');
  }
  const uid = reader.uid();
  return { namespace: reader.nameOf(namespace), pod: reader.plainOf(pod), uid };
}

function finish(place: string, fields: readonly string[], names: NameWriter): WrittenLine {
  const body = fields.join(' ');
  const text = `${body} ${checkOf(place, body)}`;
  const bytes = text.length + names.bytes;
  if (bytes > LIMITS.claimLineBytesMax) {
    throw new OrbweaverError(
      'CLAIM_TOO_LONG',
      `the claim of ${place} takes ${bytes} bytes with its names, the limit is ${LIMITS.claimLineBytesMax}`,
      body,
    );
  }
  return { text, names: names.used };
}

function reading<T>(
  place: string,
  text: string,
  read: (fields: readonly string[]) => T,
): T | LineFault {
  const end = text.lastIndexOf(' ');
  const body = text.slice(0, Math.max(0, end));
  const readable = new RegExp(`^${VERSION}[cru]`).test(text);
  try {
    if (!readable) {
      throw new Unreadable(versionFault(text.split(' ', 1)[0] as string));
    }
    if (text.slice(end + 1) !== checkOf(place, body)) {
      throw new Unreadable('its check does not match: it was edited by hand');
    }
    return read(body.split(' '));
  } catch (error) {
    if (error instanceof Unreadable) {
      return { fault: error.message };
    }
    throw error;
  }
}

function versionFault(head: string): string {
  const version = /^(\d+)[a-z]/.exec(head)?.[1];
  return version === undefined || version === VERSION
    ? 'it is not a line of Orbweaver'
    : `it has format version ${version}, this Orbweaver reads version ${VERSION}`;
}

function checkOf(place: string, body: string): string {
  return hash('sha256', `${place} ${body}`, 'base64url').slice(0, CHECK_CHARS);
}

/** Everything but letters, digits and a few signs is percent-encoded, so no blank, `/`, `@` or `=` remains. */
function plain(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function time(ms: number): string {
  return Math.round(ms).toString(RADIX);
}

function uidField(uid: string): string {
  return UUID.test(uid)
    ? Buffer.from(uid.replaceAll('-', ''), 'hex').toString('base64url')
    : `=${plain(uid)}`;
}

function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

/** Thrown while a line is read; never leaves this file. */
class Unreadable extends Error {}

class NameWriter {
  readonly used: Record<string, string> = {};
  readonly #known: Names;

  constructor(known: Names) {
    this.#known = known;
  }

  /** Bytes of the names that are referred to. */
  get bytes(): number {
    return Object.values(this.used).reduce((sum, name) => sum + Buffer.byteLength(name), 0);
  }

  /** The name, or a reference to it. A key that another name has already is made longer. */
  refer(name: string): string {
    const text = plain(name);
    if (text.length <= KEY_CHARS + 1) {
      return text;
    }
    const digest = nameDigest(name);
    for (let chars = KEY_CHARS; ; chars += 1) {
      const key = digest.slice(0, chars);
      const there = this.used[key] ?? this.#known[key] ?? name;
      if (there === name) {
        this.used[key] = name;
        return `@${key}`;
      }
    }
  }
}

/** Keys hold only letters and digits: they are read back with `\w` and stand in paths of patches. */
function nameDigest(name: string): string {
  return hash('sha256', name, 'base64url').replaceAll(/[-_]/g, '0');
}

class FieldReader {
  readonly #fields: readonly string[];
  readonly #names: Names;
  #at = 0;

  constructor(fields: readonly string[], names: Names) {
    this.#fields = fields;
    this.#names = names;
  }

  next(): string {
    const field = this.#fields[this.#at];
    if (field === undefined) {
      throw new Unreadable('it has too few fields');
    }
    this.#at += 1;
    return field;
  }

  end(): void {
    if (this.#at !== this.#fields.length) {
      throw new Unreadable('it has too many fields');
    }
  }

  name(): string {
    return this.nameOf(this.next());
  }

  nameOf(field: string): string {
    if (!field.startsWith('@')) {
      return this.plainOf(field);
    }
    const key = field.slice(1);
    const name = this.#names[key];
    if (name === undefined) {
      throw new Unreadable(`it refers to the name ${key}, which the block does not have`);
    }
    if (!nameDigest(name).startsWith(key)) {
      throw new Unreadable(`it refers to the name ${key}, which was edited by hand`);
    }
    return name;
  }

  plain(): string {
    return this.plainOf(this.next());
  }

  plainOf(field: string): string {
    try {
      return decodeURIComponent(field);
    } catch {
      throw new Unreadable(`its field ${field} cannot be decoded`);
    }
  }

  time(): number {
    const field = this.next();
    const ms = NUMBER.test(field) ? Number.parseInt(field, RADIX) : Number.NaN;
    if (!Number.isSafeInteger(ms)) {
      throw new Unreadable(`its field ${field} is not a time`);
    }
    return ms;
  }

  uid(): string {
    const field = this.next();
    if (field.startsWith('=')) {
      return this.plainOf(field.slice(1));
    }
    if (field.length !== UUID_CHARS || !/^[\w-]+$/.test(field)) {
      throw new Unreadable(`its field ${field} is not a uid`);
    }
    return uuidOf(Buffer.from(field, 'base64url'));
  }
}
