/**
 * Names that repeat in many rows (pools, nodes, namespaces, networks), kept once and referred to by number.
 */
import type { Database } from '../sqlite/database.ts';

/** Names remembered in memory; beyond that they are looked up again. */
const REMEMBERED_MAX = 65_536;

export class Names {
  readonly #byText;
  readonly #byId;
  readonly #insert;
  readonly #ids = new Map<string, number>();
  readonly #texts = new Map<number, string>();

  constructor(database: Database) {
    this.#byText = database.prepare('SELECT id FROM names WHERE text = ?');
    this.#byId = database.prepare('SELECT text FROM names WHERE id = ?');
    this.#insert = database.prepare('INSERT INTO names (text) VALUES (?) RETURNING id');
  }

  /** The number of a name, or undefined for a name that no row ever had. */
  find(text: string): number | undefined {
    const known = this.#ids.get(text);
    if (known !== undefined) {
      return known;
    }
    const row = this.#byText.get(text);
    return row === undefined ? undefined : this.#remember(text, row[0] as number);
  }

  /** The number of a name, given now if it has none. Only inside a transaction. */
  intern(text: string): number {
    return this.find(text) ?? this.#remember(text, this.#insert.get(text)![0] as number);
  }

  /** The name of a number that a row holds. */
  text(id: number): string {
    const known = this.#texts.get(id);
    if (known !== undefined) {
      return known;
    }
    const text = this.#byId.get(id)![0] as string;
    this.#remember(text, id);
    return text;
  }

  /** Forgets what is remembered, because a transaction that may have added names was taken back. */
  forget(): void {
    this.#ids.clear();
    this.#texts.clear();
  }

  #remember(text: string, id: number): number {
    if (this.#ids.size >= REMEMBERED_MAX) {
      this.forget();
    }
    this.#ids.set(text, id);
    this.#texts.set(id, text);
    return id;
  }
}
