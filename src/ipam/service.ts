/**
 * The use-cases behind one door: every CNI call goes in here and comes out as an answer.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { add } from './add.ts';
import type { Allocator } from './allocator.ts';
import { check } from './check.ts';
import { type CniAnswer, errorAnswer } from './cni-answer.ts';
import { del } from './del.ts';
import { gc } from './gc.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { nonceSource } from './nonces.ts';
import type { Parts } from './parts.ts';
import type { Claim, Clock, Cluster, Ledger } from './ports.ts';
import { type Call, type CniRequest, readCall } from './request.ts';
import { type AddResult, shapeResult } from './result.ts';
import { status } from './status.ts';
import { podKey, queueKeys } from './subject-of-call.ts';
import { onceSettled } from './unsettled.ts';

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
}

export class IpamService {
  readonly #parts: Parts;
  readonly #observe: Observer;
  readonly #inFlight = new Set<Promise<CniAnswer>>();
  /** Containers whose ADD is queued or running, and the pod each is for (rule 3: "from memory"). */
  readonly #podOfContainer = new Map<string, string>();
  #closed = false;

  constructor(parts: ServiceParts) {
    this.#parts = {
      ledger: parts.ledger,
      cluster: parts.cluster,
      allocator: parts.allocator,
      clock: parts.clock,
      node: parts.node,
      queue: new KeyedQueue(),
      nonce: parts.nonce ?? nonceSource(),
    };
    this.#observe = parts.observe ?? (() => {});
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
      const outcome = await this.#serve(call);
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
        const freed = await this.#parts.queue.run(this.#delKeys(call), () =>
          del(this.#parts, call),
        );
        return { result: undefined, addresses: freed.map((claim) => claim.address) };
      }
      case 'CHECK':
        await this.#parts.queue.run(queueKeys(call), async () => check(this.#parts, call));
        return { result: undefined, addresses: [] };
      case 'GC': {
        const freed = await gc(this.#parts, call);
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
    const result = this.#parts.queue.run(keys, () => add(this.#parts, call));
    if (pod === undefined || container === undefined) {
      return result;
    }
    this.#podOfContainer.set(container, pod);
    return onceSettled(result, () => {
      if (!this.#parts.queue.busy(container)) {
        this.#podOfContainer.delete(container);
      }
    });
  }

  /**
   * A DEL enters the queue of its container and of every pod that is known to have it: named in the call,
   * queued with an ADD, or written in a line (rule 3).
   */
  #delKeys(call: Call): string[] {
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

function asOrbweaverError(thrown: unknown): OrbweaverError {
  if (thrown instanceof OrbweaverError) {
    return thrown;
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return new OrbweaverError('INTERNAL', error.message, error.stack ?? '', { cause: thrown });
}
