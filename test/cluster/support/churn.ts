/**
 * Pods that come and go on some nodes, as runtimes and kubelets make them: repeated ADDs, sandboxes that are
 * replaced, DELs before, after and without the end of their pod, some of them twice. A seed gives the order.
 */
import { Random } from '../../world/random.ts';
import type { FaultCheck, Sandbox } from './fault-check.ts';
import { poll } from './poll.ts';
import type { SandboxRuntime } from './sandbox-runtime.ts';

/** Far more than is needed; a churn that stands still is a fault of its own. */
const MOVING = { timeout: 90_000, interval: 50 };

export class Churn {
  readonly #check: FaultCheck;
  readonly #workers: readonly Promise<void>[];
  readonly #random: Random;
  #stopping = false;

  /** Starts so many workers on each node. */
  constructor(runtimes: readonly SandboxRuntime[], check: FaultCheck, workers = 4, seed = 1) {
    this.#check = check;
    this.#random = new Random(seed);
    this.#workers = runtimes.flatMap((runtime) =>
      Array.from({ length: workers }, () => this.#work(runtime)),
    );
  }

  /** Resolves when so many more ADDs were answered with an address. */
  async more(adds: number): Promise<void> {
    const until = this.#check.counts.adds + adds;
    await poll(() => this.#check.counts.adds, MOVING).toBeGreaterThanOrEqual(until);
  }

  /** Ends it; no call is under way after that. Each worker leaves a pod behind, which runs on. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#workers);
  }

  async #work(runtime: SandboxRuntime): Promise<void> {
    for (;;) {
      let sandbox = await runtime.runPod();
      for (let steps = this.#random.below(3); steps > 0; steps -= 1) {
        sandbox = await this.#step(runtime, sandbox);
      }
      if (this.#stopping) return;
      await this.#end(runtime, sandbox);
    }
  }

  async #step(runtime: SandboxRuntime, sandbox: Sandbox): Promise<Sandbox> {
    switch (this.#random.below(3)) {
      case 0:
        await runtime.add(sandbox);
        return sandbox;
      case 1:
        await runtime.end(sandbox);
        return runtime.run(sandbox.pod);
      default: {
        // The next sandbox is there before the DEL of the last one.
        this.#check.ending(sandbox);
        const next = await runtime.run(sandbox.pod);
        await runtime.end(sandbox);
        return next;
      }
    }
  }

  async #end(runtime: SandboxRuntime, sandbox: Sandbox): Promise<void> {
    const order = this.#random.below(3);
    if (order < 2) await runtime.deletePod(sandbox.pod, order === 0);
    await runtime.end(sandbox);
    if (this.#random.below(2) === 0) await runtime.end(sandbox);
    if (order !== 1) await runtime.deletePod(sandbox.pod);
  }
}
