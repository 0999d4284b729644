/** Which refused calls become a Kubernetes Event of their pod. */
import type { ErrorCode } from '../catalogue/errors.ts';
import type { CallRecord } from '../ipam/service.ts';
import type { PodRefusal } from '../kube/pod-event-writer.ts';

/** Of a pod that is no more, or a call that nobody waits for: there is no one to read it. */
const UNTOLD: readonly ErrorCode[] = [
  'CALLER_GONE',
  'POD_DEAD',
  'POD_REPLACED',
  'POD_UNKNOWN',
  'NOT_READY',
];

/** What the pod's operator is told of a call; undefined: nothing. */
export function refusalOf({ verb, call, error }: CallRecord): PodRefusal | undefined {
  if (verb !== 'ADD' || call === undefined || error === undefined || UNTOLD.includes(error.code)) {
    return undefined;
  }
  const { namespace, pod, uid } = call.args;
  if (namespace === '' || pod === '') {
    return undefined;
  }
  const { message, details } = error;
  return { namespace, pod, uid, message: details === '' ? message : `${message}: ${details}` };
}
