/**
 * Admission: every write of an object passes here, on the embedded store and, on Kubernetes, in the webhook.
 * It fills in what the dialect fills in and refuses what the dialect refuses, with its exact text.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Admission, AdmissionContext, Operation } from './admission-context.ts';
import { annotationWarnings } from './annotation-warnings.ts';
import { admitCalico } from './calico-admission.ts';
import { type KindId, kindOf } from './kinds.ts';
import type { KubeObject } from './kube-object.ts';
import { admitPool } from './pool-admission.ts';
import { admitReservedIp } from './reserved-ip-admission.ts';
import { admitSpiderSubnet } from './spider-subnet-admission.ts';
import { SPIDER_IP_POOL } from './spiderpool.ts';
import { isSpiderpoolConf, readSpiderpoolConf } from './spiderpool-conf.ts';
import { IP_POOL_V1 } from './spiderpool-v1.ts';

/**
 * Admits one write. `next` is the whole object as it would be stored (absent on DELETE), `previous` the one
 * that is stored (absent on CREATE); both are canonical (canonical-object.ts). What comes back is the
 * object to store, on DELETE the one that goes. Neither argument is changed.
 *
 * Throws OBJECT_INVALID for what a rule refuses and KIND_UNKNOWN for what is not kept.
 */
export function admit(
  operation: Operation,
  next: KubeObject | undefined,
  previous: KubeObject | undefined,
  context: AdmissionContext,
): Admission {
  const object = next ?? previous;
  if (object === undefined) throw new OrbweaverError('INTERNAL', `${operation} of nothing`);
  const kind = kindOf(object).id;
  const admitted = admitByKind(kind, operation, object, previous, context);
  if (admitted !== undefined && operation !== 'DELETE') return admitted;
  return { object, warnings: operation === 'DELETE' ? [] : annotationWarnings(kind, object) };
}

/** Undefined for kinds without rules of their own. */
function admitByKind(
  kind: KindId,
  operation: Operation,
  object: KubeObject,
  previous: KubeObject | undefined,
  context: AdmissionContext,
): Admission | undefined {
  switch (kind) {
    case 'SpiderIPPool':
      return admitPool(SPIDER_IP_POOL, operation, object, previous, context);
    case 'SpiderpoolV1IPPool':
      return admitPool(IP_POOL_V1, operation, object, previous, context);
    case 'SpiderSubnet':
      return admitSpiderSubnet(operation, object, previous, context);
    case 'SpiderReservedIP':
      return admitReservedIp(operation, object, previous, context);
    case 'CalicoIPPool':
    case 'CalicoIPReservation':
    case 'CalicoIPAMConfiguration':
      return admitCalico(operation, object, previous, context);
    case 'ConfigMap':
      // A setting that nobody can read would otherwise show at the next pod.
      if (operation !== 'DELETE' && isSpiderpoolConf(object)) readSpiderpoolConf(object);
      return undefined;
    default:
      return undefined;
  }
}
