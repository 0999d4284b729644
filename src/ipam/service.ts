/**
 * The use-cases behind one door: every CNI call goes in here and comes out as an answer.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { add } from './add.ts';
import type { Allocator } from './allocator.ts';
import { Attachments } from './attachments.ts';
import { check } from './check.ts';
import { type CniAnswer, errorAnswer } from './cni-answer.ts';
import { del } from './del.ts';
import { gc } from './gc.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { nonceSource } from './nonces.ts';
import type { Parts } from './parts.ts';
import type { Claim, Clock, Cluster, Ledger } from './ports.ts';
import { type Deletion, deletionOf, type PromisedDels } from './promised-dels.ts';
import { type Call, type CniRequest, readCall } from './request.ts';
import { type AddResult, shapeResult } from './result.ts';
import { status } from './status.ts';
import { podKey, queueKeys } from './subject-of-call.ts';
import { pause, systemTimers, type Timers } from './timers.ts';
import { onceSettled, UnsettledError } from './unsettled.ts';

/** One finished call, for logs, metrics and events. */
export interface CallRecord {
  readonly verb: string;
  readonly call: Call | undefined;
  readonly ms: number;
  /** Addresses given by ADD or freed by DEL and GC. */
  readonly addresses: readonly Claim['address'][];
  readonly error: OrbweaverError | undefined;
}

export type Observer = (record: CallRecord) => void;

export interface ServiceParts {
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly allocator: Allocator;
  readonly clock: Clock;
  readonly node: string;
  readonly observe?: Observer;
  /** Tests give a counted one. */
  readonly nonce?: () => string;
  /** Those of the machine where absent; they show the time of `clock`. */
  readonly timers?: Timers;
  /** Where the ledger may be away: how DEL is answered in spite of it. Without, DEL waits for its write. */
  readonly promised?: PromisedDels;
}

/** A DEL that could not be carried out is tried again after this many milliseconds. */
const DEL_AGAIN_MS = 1_000;

export class IpamService {
  readonly #parts: Parts;
  readonly #observe: Observer;
  readonly #inFlight = new Set<Promise<CniAnswer>>();
  /** Containers whose ADD is queued or running, and the pod each is for (rule 3: "from memory"). */
  readonly #podOfContainer = new Map<string, string>();
  readonly #timers: Timers;
  readonly #promised: PromisedDels | undefined;
  /** Promised deletions by their container, as long as no ADD of it has come since. */
  readonly #promisedOf = new Map<string, Set<string>>();
  #closed = false;

  /** Enters what was promised in an earlier life into the queues, before any call. */
  constructor(parts: ServiceParts) {
    this.#timers = parts.timers ?? systemTimers(parts.clock);
    this.#promised = parts.promised;
    this.#parts = {
      ledger: parts.ledger,
      cluster: parts.cluster,
      allocator: parts.allocator,
      clock: parts.clock,
      node: parts.node,
      queue: new KeyedQueue(this.#timers),
      attachments: new Attachments(),
      nonce: parts.nonce ?? nonceSource(),
    };
    this.#observe = parts.observe ?? (() => {});
    this.#promised?.takeOver((id, promised) => {
      const deletion = this.#named(promised);
      const freed = this.#enqueueDel(deletion, () => true);
      this.#keepPromise(id, deletion, freed);
    });
  }

  /** Calls that run or wait. */
  get queueDepth(): number {
    return this.#parts.queue.depth;
  }

  /** Serves one CNI call. Never rejects: every failure is a CNI error in the answer. */
  call(request: CniRequest): Promise<CniAnswer> {
    const answer = this.#answer(request);
    this.#inFlight.add(answer);
    return answer.finally(() => this.#inFlight.delete(answer));
  }

  /** Refuses new calls and resolves when those in flight are answered and observed. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inFlight);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #answer(request: CniRequest): Promise<CniAnswer> {
    const started = performance.now();
    let call: Call | undefined;
    let addresses: readonly Claim['address'][] = [];
    let error: OrbweaverError | undefined;
    let answer: CniAnswer;
    try {
      if (this.#closed) {
        throw new OrbweaverError('NOT_READY', 'the agent is stopping');
      }
      call = readCall(request);
      const outcome = await this.#serve(this.#named(call));
      addresses = outcome.addresses;
      answer = { ok: true, result: outcome.result };
    } catch (thrown) {
      error = asOrbweaverError(thrown);
      answer = errorAnswer(error, request, call);
    }
    const ms = performance.now() - started;
    // The plugin waits for the answer, not for the log.
    setImmediate(() => this.#observe({ verb: request.command, call, ms, addresses, error }));
    return answer;
  }

  /** The same with its container named as the ledger names it: so all lookups and queues go. */
  #named<T extends Pick<Call, 'attachment'>>(call: T): T {
    const { attachment } = call;
    const containerId = this.#parts.ledger.containerRef(attachment.containerId);
    return { ...call, attachment: { ...attachment, containerId } };
  }

  async #serve(
    call: Call,
  ): Promise<{ result: object | undefined; addresses: readonly Claim['address'][] }> {
    switch (call.verb) {
      case 'ADD': {
        const result = await this.#enqueueAdd(call);
        return {
          result: shapeResult(result, call.version),
          addresses: result.addresses.map((item) => item.address),
        };
      }
      case 'DEL': {
        const freed = await this.#del(deletionOf(call));
        this.#parts.attachments.remove(call.attachment);
        return { result: undefined, addresses: freed.map((claim) => claim.address) };
      }
      case 'CHECK':
        await this.#parts.queue.run(queueKeys(call), async () => check(this.#parts, call), call);
        return { result: undefined, addresses: [] };
      case 'GC': {
        const freed = await gc(this.#parts, call);
        for (const { attachment } of freed) {
          this.#parts.attachments.remove(attachment);
        }
        return { result: undefined, addresses: freed.map((claim) => claim.address) };
      }
      case 'STATUS':
        status(this.#parts, call);
        return { result: undefined, addresses: [] };
    }
  }

  #enqueueAdd(call: Call): Promise<AddResult> {
    const keys = queueKeys(call);
    const [pod, container] = keys.length === 2 ? keys : [undefined, undefined];
    // First the queue, which may refuse: what is not queued is not remembered either.
    const queued = this.#parts.queue.run(keys, () => add(this.#parts, call), call);
    this.#promisedOf.delete(keys.at(-1) as string);
    const ended = this.#parts.attachments.adding(call.attachment);
    let succeeded = false;
    const result = queued.then((value) => {
      succeeded = true;
      return value;
    });
    if (pod !== undefined && container !== undefined) {
      this.#podOfContainer.set(container, pod);
    }
    return onceSettled(result, () => {
      ended(succeeded);
      if (container !== undefined && !this.#parts.queue.busy(container)) {
        this.#podOfContainer.delete(container);
      }
    });
  }

  /**
   * Resolves to what DEL freed. Where that takes long and DELs can be promised, resolves to nothing when the
   * promise is durable (rule 10); the deletion keeps its place in the queues until it is carried out.
   */
  async #del(deletion: Deletion): Promise<readonly Claim[]> {
    const promised = this.#promised;
    if (promised === undefined) {
      return this.#parts.queue.run(this.#delKeys(deletion), () => del(this.#parts, deletion));
    }
    const [container, key] = keysOfDeletion(deletion);
    if (this.#promisedOf.get(container)?.has(key)) {
      return [];
    }
    let isPromised = false;
    const freed = this.#enqueueDel(deletion, () => isPromised);
    const inTime = await this.#within(freed, LIMITS.delAnswerMs);
    if (inTime !== undefined) {
      return inTime;
    }
    const id = await promised.begin(deletion);
    isPromised = true;
    this.#keepPromise(id, deletion, freed);
    return [];
  }

  #keepPromise(id: number, deletion: Deletion, freed: Promise<unknown>): void {
    const [container, key] = keysOfDeletion(deletion);
    const promised = this.#promisedOf.get(container) ?? new Set();
    this.#promisedOf.set(container, promised.add(key));
    freed.then(
      () => {
        promised.delete(key);
        if (promised.size === 0 && this.#promisedOf.get(container) === promised) {
          this.#promisedOf.delete(container);
        }
        this.#promised?.end(id);
      },
      () => {
        // The agent stops: its next life finds the promise in the journal.
      },
    );
  }

  /** What cannot be written now is tried again, for ever once it is promised. */
  #enqueueDel(deletion: Deletion, isPromised: () => boolean): Promise<Claim[]> {
    const carryOut = async () => {
      for (;;) {
        try {
          return await del(this.#parts, deletion);
        } catch (error) {
          if (this.#closed || !(isPromised() || mayPass(error))) {
            throw error;
          }
          if (error instanceof UnsettledError) {
            await error.settled;
          }
        }
        await pause(this.#timers, DEL_AGAIN_MS);
      }
    };
    const always = isPromised();
    return this.#parts.queue.run(this.#delKeys(deletion), carryOut, { always });
  }

  /** Undefined where the outcome takes longer than `ms`. */
  #within<T>(outcome: Promise<T>, ms: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const callOff = this.#timers.after(ms, () => resolve(undefined));
      outcome.then(resolve, reject).finally(callOff);
    });
  }

  /**
   * A DEL enters the queue of its container and of every pod that is known to have it: named in the call,
   * queued with an ADD, or written in a line (rule 3).
   */
  #delKeys(call: Deletion): string[] {
    const keys = queueKeys(call);
    const container = keys.at(-1) as string;
    const queued = this.#podOfContainer.get(container);
    const { network, containerId } = call.attachment;
    const written = this.#parts.ledger
      .claimsOfContainer(network, containerId)
      .filter((claim) => claim.owner.pod !== '' && claim.owner.namespace !== '')
      .map((claim) => podKey(claim.owner.namespace, claim.owner.pod));
    return [...keys, ...(queued === undefined ? [] : [queued]), ...written];
  }

  /** The parts, for `explain` and the tables. */
  get parts(): Parts {
    return this.#parts;
  }
}

/** The queue key of its container, and what tells it from other deletions of that. */
function keysOfDeletion(deletion: Deletion): [container: string, key: string] {
  const { attachment, args } = deletion;
  const container = queueKeys(deletion).at(-1) as string;
  return [container, `${attachment.interfaceName} ${args.uid}`];
}

/** Whether the same DEL may succeed later without anybody changing anything. */
function mayPass(error: unknown): boolean {
  return error instanceof OrbweaverError && error.row.retry;
}

function asOrbweaverError(thrown: unknown): OrbweaverError {
  if (thrown instanceof OrbweaverError) {
    return thrown;
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return new OrbweaverError('INTERNAL', error.message, error.stack ?? '', { cause: thrown });
}
