/** Pools and pods of a simulated machine, edited by the world while calls run. */
import type { ObjectView, PodView } from '../../src/choose/subject.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import { readSpiderpoolConf, type SpiderpoolConf } from '../../src/dialect/spiderpool-conf.ts';
import type { Cluster } from '../../src/ipam/ports.ts';
import type { Family } from '../../src/net/address.ts';
import { RangeSet } from '../../src/net/range-set.ts';

export class WorldCluster implements Cluster {
  readonly servesUnknownPods = true;
  readonly servesOtherNodes = true;
  keepsForLivePods = false;
  readonly #pools = new Map<string, Pool>();
  readonly #pods = new Map<string, PodView>();
  readonly #conf: SpiderpoolConf = readSpiderpoolConf(undefined);
  readonly #reserved: Record<Family, RangeSet> = { 4: RangeSet.empty, 6: RangeSet.empty };
  poolGeneration = 0;

  putPool(pool: Pool): void {
    this.poolGeneration += 1;
    this.#pools.set(pool.name, { ...pool, revision: this.poolGeneration });
  }

  reserve(family: Family, ranges: RangeSet): void {
    this.poolGeneration += 1;
    this.#reserved[family] = ranges;
  }

  putPod(pod: PodView): void {
    this.#pods.set(`${pod.namespace}/${pod.name}`, pod);
  }

  removePod(namespace: string, name: string): void {
    this.#pods.delete(`${namespace}/${name}`);
  }

  pools = (): readonly Pool[] => [...this.#pools.values()];
  reserved = (family: Family): RangeSet => this.#reserved[family];
  conf = (): SpiderpoolConf => this.#conf;
  pod = async (namespace: string, name: string): Promise<PodView | undefined> =>
    this.#pods.get(`${namespace}/${name}`);
  namespace = (name: string): ObjectView => ({ name, labels: {}, annotations: {} });
  node = (name: string): ObjectView => ({ name, labels: {}, annotations: {} });
}
