/**
 * What a runtime may expect of one interface of one pod, from the calls it has made and the answers it has
 * seen.
 *
 *     gone ── ADD answered ──► held ── DEL answered ──► gone
 *      └──── no answer ──► doubtful ◄── no answer ─┘
 */
import { addressOfResult, type HeldRow } from '../support/state-file.ts';

const HISTORY_KEPT = 12;

export type Standing = 'gone' | 'held' | 'doubtful';

export class Container {
  readonly interfaceName: string;
  readonly #name: string;
  readonly #namesPod: boolean;
  standing: Standing = 'gone';
  /** The present sandbox's container id. */
  id: string;
  /** An earlier sandbox that may still be the one that holds: it needs a DEL too. */
  earlier: string | undefined;
  /** DEL was sent, so a runtime never sends ADD for this id again. */
  deleting = false;
  /** Of the last answered ADD, as printed. */
  addresses: readonly string[] = [];
  /** A call is in flight, so nothing may be concluded. */
  busy = false;
  /** The last calls and what became of each, for the report of a fault. */
  readonly history: string[] = [];
  #sandboxes = 0;
  #uids = 0;

  /** `name` is that of the pod, where the container names one at all. */
  constructor(name: string, interfaceName: string, namesPod: boolean) {
    this.#name = name;
    this.interfaceName = interfaceName;
    this.#namesPod = namesPod;
    this.id = `${name}.0`;
  }

  get owner(): { namespace: string; name: string; uid: string } | undefined {
    return this.#namesPod
      ? { namespace: 'churn', name: this.#name, uid: `uid-${this.#uids}` }
      : undefined;
  }

  /** A new pod of the same name, so a new container. */
  renew(): void {
    this.#uids += 1;
    this.deleting = false;
    this.renewSandbox();
  }

  /** A new container for the same pod. */
  renewSandbox(): void {
    this.#sandboxes += 1;
    this.id = `${this.#name}.${this.#sandboxes}`;
  }

  /** Takes note of an answered ADD. */
  hold(addresses: readonly string[]): void {
    this.standing = 'held';
    this.addresses = addresses;
    this.earlier = undefined;
  }

  /** Takes note that every DEL was answered. */
  lose(): void {
    this.standing = 'gone';
    this.addresses = [];
    this.earlier = undefined;
  }

  /** Keeps a call for the report. */
  note(event: string): void {
    this.history.push(event);
    this.history.splice(0, this.history.length - HISTORY_KEPT);
  }

  /** Whether a row of the ledger is of this container or of one before it. */
  owns(row: HeldRow): boolean {
    return row.container.startsWith(`${this.#name}.`);
  }

  /**
   * What is wrong with these rows, which are all the rows that this container owns; undefined where nothing
   * is. `families` is how many addresses an ADD gives.
   */
  faultOf(rows: readonly HeldRow[], families: number): string | undefined {
    const seen = rows.map((row) => row.address).sort();
    const ids = new Set(rows.map((row) => row.container));
    if (this.busy || this.standing === 'doubtful') {
      const whole = rows.length === 0 || (rows.length === families && ids.size === 1);
      return whole ? undefined : `${this.id}: a part of an ADD is held: ${seen}`;
    }
    const expected = this.standing === 'gone' ? [] : this.addresses.map(addressOfResult).sort();
    if (seen.join() !== expected.join()) {
      return `${this.id} is ${this.standing}: expected [${expected}], the state file has [${seen}] under ${[...ids]} after ${this.history.join(', ')}`;
    }
    return this.standing === 'held' && !ids.has(this.id)
      ? `${this.id} holds its addresses under ${[...ids]}`
      : undefined;
  }
}
