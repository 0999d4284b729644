/** The Events of one pod, read from the API server. */
import type { KubeObject } from '../dialect/kube-object.ts';
import { okValue } from './object-outcome.ts';
import type { KubeObjects } from './objects.ts';
import { EVENTS } from './resources.ts';

/** One row of a pod's events; times are RFC 3339, UTC. */
export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly from: string;
  readonly message: string;
  readonly at: string;
  readonly count: number;
  readonly firstAt: string;
}

/** Members of an Event in either of its two forms (core/v1, events.k8s.io/v1). */
interface EventObject extends KubeObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly source?: { readonly component?: string };
  readonly reportingComponent?: string;
  readonly firstTimestamp?: string | null;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string };
}

/** The last repeated one last. Throws API_SERVER_AWAY or API_FORBIDDEN. */
export async function podEvents(
  objects: KubeObjects,
  namespace: string,
  pod: string,
): Promise<PodEvent[]> {
  const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${pod}`;
  const { items } = okValue(await objects.list(EVENTS, { namespace, fieldSelector }), 'events');
  const rows = (items as readonly EventObject[]).map(rowOf);
  return rows.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function rowOf(event: EventObject): PodEvent {
  const { series, metadata } = event;
  const firstAt =
    event.firstTimestamp ??
    event.eventTime ??
    metadata.creationTimestamp ??
    new Date(0).toISOString();
  return {
    type: event.type === 'Warning' ? 'Warning' : 'Normal',
    reason: event.reason ?? '',
    from: event.source?.component || event.reportingComponent || '',
    message: event.message ?? '',
    at: series?.lastObservedTime ?? event.lastTimestamp ?? firstAt,
    count: series?.count ?? event.count ?? 1,
    firstAt,
  };
}
