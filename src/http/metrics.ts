/** The agent's figures in Prometheus' text form. Only src/http knows prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Addresses of one pool at one moment. `free` leaves out what rests and what is reserved. */
export interface PoolUsage {
  readonly pool: string;
  readonly dialect: string;
  readonly used: number;
  readonly free: number;
  readonly resting: number;
}

/** Figures that are read when somebody asks for them. */
export interface MetricSources {
  pools(): Iterable<PoolUsage>;
  /** ADDs and DELs that run or wait. */
  queueDepth(): number;
  /** How often the engine was dropped and rebuilt since the start. */
  engineRebuilds(): number;
}

/** Seconds. A durable ADD takes about a millisecond on a good disk, and the deadline is 30 s. */
const CALL_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
/** Slot writes in one commit, up to LIMITS.commitWritesMax. */
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
const COMMIT_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

export class Metrics {
  readonly #registry = new Registry();
  readonly #calls: Histogram<'verb' | 'outcome'>;
  readonly #batches: Histogram;
  readonly #commits: Counter<'outcome'>;
  readonly #commitSeconds: Histogram;

  constructor(sources: MetricSources) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#calls = new Histogram({
      name: 'orbweaver_cni_call_duration_seconds',
      help: 'Time from the arrival of a CNI call to its answer, by verb and outcome (ok, or the CNI error code).',
      labelNames: ['verb', 'outcome'],
      buckets: CALL_BUCKETS,
      registers,
    });
    this.#batches = new Histogram({
      name: 'orbweaver_commit_batch_size',
      help: 'Slot writes that shared one commit.',
      buckets: BATCH_BUCKETS,
      registers,
    });
    this.#commits = new Counter({
      name: 'orbweaver_commits_total',
      help: 'Commits of the ledger, by outcome (durable or failed).',
      labelNames: ['outcome'],
      registers,
    });
    this.#commitSeconds = new Histogram({
      name: 'orbweaver_commit_duration_seconds',
      help: 'Time of one commit of the ledger, its flush to disk included.',
      buckets: COMMIT_BUCKETS,
      registers,
    });
    this.#addReadings(sources, registers);
  }

  #addReadings(sources: MetricSources, registers: Registry[]): void {
    new Gauge({
      name: 'orbweaver_queue_depth',
      help: 'CNI calls that run or wait.',
      registers,
      collect() {
        this.set(sources.queueDepth());
      },
    });
    new Counter({
      name: 'orbweaver_engine_rebuilds_total',
      help: 'How often the engine was dropped and rebuilt from the ledger.',
      registers,
      collect() {
        this.reset();
        this.inc(sources.engineRebuilds());
      },
    });
    new Gauge({
      name: 'orbweaver_pool_addresses',
      help: 'Addresses of a pool, by state: used, free or resting.',
      labelNames: ['pool', 'dialect', 'state'],
      registers,
      collect() {
        // Pools come and go; a deleted one must not be reported for ever.
        this.reset();
        for (const { pool, dialect, used, free, resting } of sources.pools()) {
          this.set({ pool, dialect, state: 'used' }, used);
          this.set({ pool, dialect, state: 'free' }, free);
          this.set({ pool, dialect, state: 'resting' }, resting);
        }
      },
    });
  }

  /** A CNI call was answered after `ms` milliseconds. `outcome`: `ok` or the CNI error code. */
  callAnswered(verb: string, outcome: string, ms: number): void {
    this.#calls.observe({ verb, outcome }, ms / 1000);
  }

  /** A commit of `writes` slot writes reached the disk after `ms` milliseconds. */
  committed(writes: number, ms: number): void {
    this.#batches.observe(writes);
    this.#commits.inc({ outcome: 'durable' });
    this.#commitSeconds.observe(ms / 1000);
  }

  /** A commit failed as a whole. */
  commitFailed(): void {
    this.#commits.inc({ outcome: 'failed' });
  }

  /** What GET /metrics answers with. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
