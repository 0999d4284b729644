/** The controller's figures in Prometheus' text form. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { PoolUsage } from './metrics.ts';

/** Figures that are read when somebody asks for them. */
export interface ControllerFigures {
  leads(): boolean;
  /** By what is written: how much waits. */
  waiting(): Readonly<Record<string, number>>;
  /** Addresses that pods hold, over all pools. */
  claims(): number;
  /** Places in blocks that were edited by hand. */
  quarantined(): number;
  /** Addresses freed without a DEL since the start. */
  freed(): number;
  pools(): Iterable<Pick<PoolUsage, 'pool' | 'dialect' | 'used'> & { readonly total: number }>;
}

export class ControllerMetrics {
  readonly #registry = new Registry();

  constructor(figures: ControllerFigures) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    gauge('orbweaver_controller_leads', '1 in the controller that writes, 0 in the others.', () =>
      figures.leads() ? 1 : 0,
    );
    gauge('orbweaver_controller_claims', 'Addresses that pods hold, over all pools.', () =>
      figures.claims(),
    );
    gauge(
      'orbweaver_controller_quarantined',
      'Places in blocks that were edited by hand and are left alone.',
      () => figures.quarantined(),
    );
    new Gauge({
      name: 'orbweaver_controller_waiting',
      help: 'What waits to be written, by kind.',
      labelNames: ['what'],
      registers,
      collect() {
        for (const [what, count] of Object.entries(figures.waiting())) {
          this.set({ what }, count);
        }
      },
    });
    new Counter({
      name: 'orbweaver_controller_freed_total',
      help: 'Addresses of nodes that are gone which this controller freed since its start.',
      registers,
      collect() {
        this.reset();
        this.inc(figures.freed());
      },
    });
    new Gauge({
      name: 'orbweaver_controller_pool_addresses',
      help: 'Addresses of a pool: used, or total.',
      labelNames: ['pool', 'dialect', 'state'],
      registers,
      collect() {
        // Pools come and go; a deleted one must not be reported for ever.
        this.reset();
        for (const { pool, dialect, used, total } of figures.pools()) {
          this.set({ pool, dialect, state: 'used' }, used);
          this.set({ pool, dialect, state: 'total' }, total);
        }
      },
    });
  }

  /** What GET /metrics answers with. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
