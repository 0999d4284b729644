/**
 * A control plane of its own for the benchmarks, with etcd waiting for its disk, and what the API server counted
 * of the requests on one kind of object.
 */
import { type ControlPlane, startControlPlane } from '../../test/cluster/support/control-plane.ts';
import { missingParts } from '../../test/cluster/support/missing-parts.ts';
import { BENCH_CRDS } from './bench-crds.ts';

/** Requests that the API server has answered since it was started, by what they do. */
export interface Requests {
  readonly writes: number;
  readonly reads: number;
}

const WRITES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE']);
const READS: ReadonlySet<string> = new Set(['GET', 'LIST']);

/** Starts one with the product's CRDs and those of the designs beside it. Rejects with the names of missing parts. */
export async function startBenchCluster(): Promise<ControlPlane> {
  const missing = missingParts(['etcd', 'kube-apiserver', 'kubectl']);
  if (missing.length > 0) throw new Error(`no control plane to measure on: ${missing.join(', ')}`);
  const controlPlane = await startControlPlane({ crds: true, fsync: true, proxy: true });
  await controlPlane.kubectl(['apply', '-f', '-'], BENCH_CRDS);
  await controlPlane.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  return controlPlane;
}

/** What the server's own metrics say of the objects of a kind (its plural), whoever asked. */
export async function requestsOn(controlPlane: ControlPlane, plural: string): Promise<Requests> {
  const counts = await counters(controlPlane, 'apiserver_request_total', `resource="${plural}"`);
  const of = (verbs: ReadonlySet<string>) =>
    counts
      .filter(({ labels }) => verbs.has(/verb="([A-Z]+)"/.exec(labels)?.[1] ?? ''))
      .reduce((sum, { value }) => sum + value, 0);
  return { writes: of(WRITES), reads: of(READS) };
}

/** Bytes of the watch events of a kind (its group and kind) that the server has sent, to whomever. */
export async function watchBytesOf(
  controlPlane: ControlPlane,
  group: string,
  kind: string,
): Promise<number> {
  const sums = await counters(controlPlane, 'apiserver_watch_events_sizes_sum', `kind="${kind}"`);
  return sums
    .filter(({ labels }) => labels.includes(`group="${group}"`))
    .reduce((sum, { value }) => sum + value, 0);
}

async function counters(
  controlPlane: ControlPlane,
  name: string,
  label: string,
): Promise<{ labels: string; value: number }[]> {
  const { text } = await controlPlane.ask('GET', '/metrics');
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .map((line) => ({
      labels: line.slice(name.length, line.lastIndexOf(' ')),
      value: Number(line.slice(line.lastIndexOf(' '))),
    }));
}
