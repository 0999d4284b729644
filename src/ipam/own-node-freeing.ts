/**
 * Freeing without a DEL, on the agent's own node (rule 15, I7). A claim is freed when all of this was found twice,
 * a grace period apart:
 *
 *     its pod is gone by a live read (or has another uid, or is dead)
 *     and no attachment: no ADD of its container is queued, runs, or was answered without a DEL in this life,
 *         and either it is only kept, without a sandbox,
 *         or the runtime does not list its sandbox (what is known from the ledger only may have one)
 *
 * A pass that would free an implausible share of the node's claims frees none and says so. What CNI GC names as
 * valid is compared by gc.ts. Kept claims go as soon as their pod ends; their DEL was heard already (rule 6).
 */
import { LIMITS } from '../catalogue/limits.ts';
import { byContainer, freeInQueue } from './free-in-queue.ts';
import { freeKept } from './kept.ts';
import type { Parts } from './parts.ts';
import type { Claim } from './ports.ts';
import { sameUid } from './subject-of-call.ts';
import type { Timers } from './timers.ts';

/** The sandboxes that the container runtime has. */
export interface Sandboxes {
  /** Ids of all sandboxes in whatever state. Rejects where the runtime does not tell. */
  ids(): Promise<readonly string[]>;
}

export interface OwnNodeFreeingParts {
  readonly use: Parts;
  readonly timers: Timers;
  /** Without, only kept claims are freed: CNI GC finds the others. */
  readonly sandboxes?: Sandboxes;
  /** Told what was freed; what it holds was not asked for by any call. */
  readonly onFreed?: (claims: readonly Claim[]) => void;
  /** Told, in a sentence, why a pass could not free what it should; once until that changes. */
  readonly onProblem?: (problem: string) => void;
}

/** What is kept for a pod that has ended is freed this many milliseconds after a try that failed. */
const KEPT_AGAIN_MS = 5_000;

/** So many passes fit into the grace period: the API server's clock, by which it is told, may be set forward. */
const PASSES_IN_GRACE = Math.ceil(LIMITS.freeingGraceMs / LIMITS.freeingPassMs);

/** A claim that a pass found without pod and attachment. */
interface Found {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly passes: number;
}

export class OwnNodeFreeing {
  readonly #parts: OwnNodeFreeingParts;
  /** Claims found without pod and attachment, by nonce. */
  #found = new Map<string, Found>();
  #problem: string | undefined;
  #callOff: () => void = () => {};
  #callOffKept: () => void = () => {};
  #stopped = false;

  constructor(parts: OwnNodeFreeingParts) {
    this.#parts = parts;
  }

  /** Frees what is kept for pods that ended while no agent ran, and looks again and again from then on. */
  start(): void {
    void this.#runKept(() => this.#freeAllKept()).then(() => this.#again());
  }

  stop(): void {
    this.#stopped = true;
    this.#callOff();
    this.#callOffKept();
  }

  /** A pod of this node was deleted, or has finished: what is kept for it goes. Never throws. */
  onPodGone(namespace: string, name: string): void {
    const claims = this.#parts.use.ledger.claimsOfPod(namespace, name);
    if (claims.some(({ kept }) => kept === true)) {
      void this.#runKept(() => this.#freeKept(namespace, name));
    }
  }

  /** The pods of this node were listed: what is kept for others of which nobody said that they ended goes. Never throws. */
  onPodsListed(): void {
    void this.#runKept(() => this.#freeAllKept());
  }

  #again(): void {
    if (!this.#stopped) {
      this.#callOff = this.#parts.timers.after(LIMITS.freeingPassMs, () => {
        void this.#run(() => this.#pass()).then(() => this.#again());
      });
    }
  }

  /** What is kept needs no second look, so it does not wait for a later pass where the API server is away. */
  async #runKept(step: () => Promise<undefined>): Promise<void> {
    await this.#run(async () => {
      try {
        return await step();
      } catch (error) {
        this.#callOffKept();
        if (!this.#stopped) {
          this.#callOffKept = this.#parts.timers.after(KEPT_AGAIN_MS, () => this.onPodsListed());
        }
        throw error;
      }
    });
  }

  /** What fails is tried again by a later pass. */
  async #run(step: () => Promise<string | undefined>): Promise<void> {
    let problem: string | undefined;
    try {
      problem = await step();
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (problem !== undefined && problem !== this.#problem && !this.#stopped) {
      this.#parts.onProblem?.(problem);
    }
    this.#problem = problem;
  }

  async #freeAllKept(): Promise<undefined> {
    const ended = new Map<string, Claim['owner']>();
    for (const claim of this.#own()) {
      if (claim.kept === true && !(await this.#lives(claim))) {
        ended.set(`${claim.owner.namespace}/${claim.owner.pod}`, claim.owner);
      }
    }
    for (const { namespace, pod } of ended.values()) {
      if (!this.#stopped) {
        await this.#freeKept(namespace, pod);
      }
    }
    return undefined;
  }

  async #freeKept(namespace: string, pod: string): Promise<undefined> {
    this.#tell(await freeKept(this.#parts.use, namespace, pod));
  }

  /** One look at all claims of the node. Resolves to what kept it from freeing. */
  async #pass(): Promise<string | undefined> {
    const own = this.#own();
    const without = await this.#withoutSandbox(own);
    const now = this.#parts.timers.now();
    const found = new Map<string, Found>();
    const due: Claim[] = [];
    for (const claim of without) {
      if (await this.#isPodGone(claim)) {
        const { since, passes } = this.#found.get(claim.nonce) ?? { since: now, passes: 0 };
        found.set(claim.nonce, { since, passes: passes + 1 });
        if (since + LIMITS.freeingGraceMs <= now && passes >= PASSES_IN_GRACE) {
          due.push(claim);
        }
      }
    }
    this.#found = found;
    const most = Math.max(LIMITS.freeingAlways, (own.length * LIMITS.freeingShareMax) / 100);
    if (due.length > most) {
      return (
        `${due.length} of the ${own.length} addresses of this node belong to no pod and no sandbox, ` +
        `which is more than one pass may free (${Math.floor(most)}): none was freed`
      );
    }
    for (const claims of byContainer(due)) {
      if (!this.#stopped) {
        this.#tell(await freeInQueue(this.#parts.use, claims, (claim) => this.#isDue(claim)));
      }
    }
    return undefined;
  }

  /** In the queue: found before, and nobody came meanwhile. */
  async #isDue(claim: Claim): Promise<boolean> {
    return (
      this.#found.has(claim.nonce) && !this.#isAttached(claim) && (await this.#isPodGone(claim))
    );
  }

  /** A pod that the cache has alive is not asked for; those without a pod are the business of CNI GC. */
  async #withoutSandbox(own: readonly Claim[]): Promise<Claim[]> {
    const suspects: Claim[] = [];
    for (const claim of own) {
      if (claim.owner.pod !== '' && !this.#isAttached(claim) && !(await this.#lives(claim))) {
        suspects.push(claim);
      }
    }
    const { sandboxes, use } = this.#parts;
    if (suspects.every(({ kept }) => kept === true)) {
      return suspects;
    }
    const ids = await sandboxes?.ids();
    const present = ids && new Set(ids.map((id) => use.ledger.containerRef(id)));
    return suspects.filter(
      ({ kept, attachment }) =>
        kept === true || (present !== undefined && !present.has(attachment.containerId)),
    );
  }

  #own(): Claim[] {
    const { ledger, node } = this.#parts.use;
    return [...ledger.claims()].filter((claim) => claim.node === node);
  }

  /** What is kept has no sandbox, whatever else its container had. */
  #isAttached({ kept, attachment }: Claim): boolean {
    return kept !== true && this.#parts.use.attachments.has(attachment.containerId);
  }

  async #lives(claim: Claim, options?: { fresh: true }): Promise<boolean> {
    const { namespace, pod: name, uid } = claim.owner;
    const pod = await this.#parts.use.cluster.pod(namespace, name, options);
    return pod !== undefined && !pod.dead && sameUid(pod, uid);
  }

  async #isPodGone(claim: Claim): Promise<boolean> {
    return !(await this.#lives(claim, { fresh: true }));
  }

  #tell(freed: readonly Claim[]): void {
    if (freed.length > 0) {
      this.#parts.onFreed?.(freed);
    }
  }
}
