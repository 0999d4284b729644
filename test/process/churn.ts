/**
 * A runtime under churn: many workers that add, repeat, restart and delete containers at once, through the
 * socket and through the plugin, while the agent and the plugins are killed under them. Every answer is
 * compared with what the runtime knows already.
 */
import { type CniCall, type CniReply, callAgent, NoAnswer } from '../support/cni-call.ts';
import { startPlugin } from '../support/plugin-process.ts';
import type { Random } from '../world/random.ts';
import { Container } from './container.ts';

export interface ChurnOptions {
  readonly random: Random;
  readonly socket: string;
  readonly workers: number;
  readonly containersPerWorker: number;
  /** Of all calls: made by the real plugin. */
  readonly pluginShare: number;
  /** Of the calls: the plugin is killed, or the connection closed, after a random time. */
  readonly killShare: number;
}

const INTERFACES = ['eth0', 'net1'];
/** A call that is cut short is cut within this time, in milliseconds. */
const CUT_WITHIN_MS = 6;
/** CNI: try again later. While the agent starts it is an answer, and says that nothing was done. */
const TRY_AGAIN = 11;

export class Churn {
  readonly containers: Container[] = [];
  readonly counts = { adds: 0, dels: 0, refused: 0, unanswered: 0, pluginsKilled: 0 };
  readonly faults: string[] = [];
  readonly #options: ChurnOptions;
  /** Address → its holder, from the answer of ADD to the sending of DEL. */
  readonly #holders = new Map<string, Container>();
  readonly #workers: Promise<void>[] = [];
  #open!: Promise<void>;
  #openGate!: () => void;
  #over = false;
  #awaited = { left: 0, resolve: () => {} };

  /** Begins with `resume`. */
  constructor(options: ChurnOptions) {
    this.#options = options;
    this.pause();
    for (let at = 0; at < options.workers; at += 1) {
      const own: Container[] = [];
      for (let nth = 0; nth < options.containersPerWorker; nth += 1) {
        own.push(new Container(`w${at}-${nth}`, INTERFACES[nth % 2]!, nth % 4 < 2));
      }
      this.containers.push(...own);
      this.#workers.push(this.#work(own));
    }
  }

  /** No call is begun any more until `resume`. */
  pause(): void {
    this.#open = new Promise((resolve) => {
      this.#openGate = resolve;
    });
  }

  resume(): void {
    this.#openGate();
  }

  /** Resolves after so many further calls, whatever their outcome. */
  answers(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { left: count, resolve };
    });
  }

  /** Ends the churn and waits for what is in flight. */
  async end(): Promise<void> {
    this.#over = true;
    this.resume();
    await Promise.all(this.#workers);
  }

  async #work(own: readonly Container[]): Promise<void> {
    for (;;) {
      await this.#open;
      if (this.#over) {
        return;
      }
      const container = this.#options.random.pick(own);
      container.busy = true;
      await this.#step(container);
      container.busy = false;
      this.#countAnswer();
    }
  }

  #countAnswer(): void {
    this.#awaited.left -= 1;
    if (this.#awaited.left <= 0) {
      this.#awaited.resolve();
    }
  }

  #step(container: Container): Promise<unknown> {
    const { random } = this.#options;
    switch (container.standing) {
      case 'gone':
        if (random.chance(0.1)) {
          return this.del(container);
        }
        container.renew();
        return this.#add(container);
      case 'held':
        if (random.chance(0.2)) {
          return this.#add(container);
        }
        return container.owner !== undefined && random.chance(0.2)
          ? this.#restartSandbox(container)
          : this.del(container);
      case 'doubtful':
        return !container.deleting && random.chance(0.5)
          ? this.#add(container)
          : this.del(container);
    }
  }

  async #add(container: Container): Promise<CniReply | undefined> {
    const repeated = container.standing === 'held';
    const reply = await this.#call(container, 'ADD');
    if (reply === undefined) {
      container.standing = 'doubtful';
    } else if (!reply.ok) {
      this.#refused(container, 'ADD', reply);
    } else {
      this.counts.adds += 1;
      this.#answered(container, reply.addresses, repeated);
    }
    return reply;
  }

  #answered(container: Container, addresses: readonly string[], repeated: boolean): void {
    if (repeated && addresses.join() !== container.addresses.join()) {
      this.faults.push(
        `${container.id}: had ${container.addresses}, a repeated ADD gave ${addresses}`,
      );
    }
    for (const address of addresses) {
      const holder = this.#holders.get(address);
      if (holder !== undefined && holder !== container) {
        this.faults.push(`${address} was given to ${container.id} while ${holder.id} holds it`);
      }
      this.#holders.set(address, container);
    }
    container.hold(addresses);
  }

  /** A new sandbox of the same pod keeps the address; the late DEL of the old one frees nothing. */
  async #restartSandbox(container: Container): Promise<void> {
    const old = container.id;
    container.renewSandbox();
    const reply = await this.#add(container);
    if (reply === undefined) {
      container.earlier = old;
    } else if (!reply.ok) {
      container.id = old;
    } else {
      await this.#call(container, 'DEL', old);
    }
  }

  /** DEL of the present container: gone when it was answered, doubtful when not. */
  async del(container: Container): Promise<void> {
    for (const address of container.addresses) {
      if (this.#holders.get(address) === container) {
        this.#holders.delete(address);
      }
    }
    container.deleting = true;
    const ids = container.earlier === undefined ? [] : [container.earlier];
    for (const id of [...ids, container.id]) {
      const reply = await this.#call(container, 'DEL', id);
      if (reply === undefined) {
        container.standing = 'doubtful';
        return;
      }
      if (!reply.ok) {
        this.#refused(container, 'DEL', reply);
        return;
      }
      this.counts.dels += 1;
    }
    container.lose();
  }

  #refused(container: Container, verb: string, reply: CniReply & { ok: false }): void {
    this.counts.refused += 1;
    if (reply.error.code !== TRY_AGAIN) {
      this.faults.push(`${verb} of ${container.id} was refused: ${reply.text}`);
    }
  }

  /** Undefined where no answer came. */
  async #call(
    container: Container,
    verb: 'ADD' | 'DEL',
    id = container.id,
  ): Promise<CniReply | undefined> {
    const { random, socket } = this.#options;
    const owner = container.owner;
    const call: CniCall = {
      verb,
      container: id,
      interfaceName: container.interfaceName,
      ...(owner === undefined ? {} : { pod: owner }),
    };
    const cutAfterMs = random.chance(this.#options.killShare)
      ? random.next() * CUT_WITHIN_MS
      : undefined;
    const throughPlugin = random.chance(this.#options.pluginShare);
    const asked = `${throughPlugin ? 'plugin' : 'socket'} ${verb} ${id}`;
    const cut = cutAfterMs === undefined ? '' : ` cut at ${cutAfterMs.toFixed(1)} ms`;
    try {
      const reply = await (throughPlugin
        ? this.#throughPlugin(call, cutAfterMs)
        : callAgent(socket, call, cutAfterMs));
      container.note(
        `${asked}${cut}: ${reply.ok ? reply.addresses.join('+') || 'ok' : reply.error.msg}`,
      );
      // The plugin's own refusals say that the agent went away, which it may have done after it had claimed.
      return throughPlugin && !reply.ok && reply.error.code === TRY_AGAIN
        ? this.#unanswered()
        : reply;
    } catch (error) {
      if (!(error instanceof NoAnswer)) {
        throw error;
      }
      container.note(`${asked}${cut}: no answer`);
      return this.#unanswered();
    }
  }

  #unanswered(): undefined {
    this.counts.unanswered += 1;
    return undefined;
  }

  #throughPlugin(call: CniCall, killAfterMs: number | undefined): Promise<CniReply> {
    const { child, reply } = startPlugin(this.#options.socket, call);
    if (killAfterMs !== undefined) {
      setTimeout(() => {
        if (child.kill('SIGKILL')) {
          this.counts.pluginsKilled += 1;
        }
      }, killAfterMs);
    }
    return reply;
  }
}
