/** From a call to the pod it is for, and to what choosing looks at. */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { PodView, Subject } from '../choose/subject.ts';
import type { Parts } from './parts.ts';
import type { Owner } from './ports.ts';
import type { Deletion } from './promised-dels.ts';
import type { Call } from './request.ts';

export interface Resolved {
  readonly owner: Owner;
  /** Whether a line that states this uid is of the same pod, which may have two. False where it states none. */
  isUid(uid: string): boolean;
  readonly subject: Subject;
  /** The pod's node; the agent's own where the pod names none. */
  readonly node: string;
}

/**
 * Finds the pod of an ADD. Throws POD_UNKNOWN (where unknown pods are not served), POD_REPLACED (rule 7),
 * POD_DEAD or POD_ELSEWHERE (where pods of other nodes are not served).
 */
export async function resolveSubject(parts: Parts, call: Call): Promise<Resolved> {
  const pod = await livePod(parts, call);
  const node = pod?.node || parts.node;
  const owner = ownerOf(call, pod);
  return {
    owner,
    isUid: (uid) => uid !== '' && (uid === owner.uid || (pod !== undefined && sameUid(pod, uid))),
    node,
    subject: {
      calledAs: call.calledAs,
      pod,
      namespace: pod === undefined ? undefined : parts.cluster.namespace(pod.namespace),
      node: parts.cluster.node(node),
      interfaceName: call.attachment.interfaceName,
      wishes: call.wishes,
    },
  };
}

/**
 * The owner as the call names it, with the uid filled in from the pod where the call has none. A static pod
 * keeps the uid that the runtime states: its DEL states it again when the pod's object is long gone.
 */
function ownerOf(call: Call, pod: PodView | undefined): Owner {
  const { namespace, pod: name, uid } = call.args;
  return { namespace, pod: name, uid: uid || (pod?.uid ?? '') };
}

async function livePod(parts: Parts, call: Call): Promise<PodView | undefined> {
  const { namespace, pod: name, uid } = call.args;
  if (namespace === '' || name === '') {
    return undefined;
  }
  let pod = await parts.cluster.pod(namespace, name);
  if (pod !== undefined && !sameUid(pod, uid)) {
    pod = await parts.cluster.pod(namespace, name, { fresh: true });
    if (pod !== undefined && !sameUid(pod, uid)) {
      throw new OrbweaverError(
        'POD_REPLACED',
        `Pod ${namespace}/${name} has uid ${pod.uid}, but the call is for uid ${uid}`,
      );
    }
  }
  if (pod === undefined) {
    if (parts.cluster.servesUnknownPods) {
      return undefined;
    }
    throw new OrbweaverError('POD_UNKNOWN', `failed to get Pod ${namespace}/${name}: not found`);
  }
  if (pod.dead) {
    // The spelling is Spiderpool's (reference/spiderpool.md 5.1, step 2).
    throw new OrbweaverError(
      'POD_DEAD',
      `dead Pod ${namespace}/${name}, we cannot allocate IP addresees to it`,
    );
  }
  // Its node's pools would be those of a node where it is not.
  if (!parts.cluster.servesOtherNodes && pod.node !== '' && pod.node !== parts.node) {
    throw new OrbweaverError(
      'POD_ELSEWHERE',
      `Pod ${namespace}/${name} is on node ${pod.node}, but this agent is the one of node ${parts.node}`,
    );
  }
  return pod;
}

/** A static pod has two uids: the API server's and the one of its file (rule 6). */
export function sameUid(pod: PodView, uid: string): boolean {
  return (
    uid === '' ||
    uid === pod.uid ||
    uid === pod.annotations['kubernetes.io/config.hash'] ||
    uid === pod.annotations['kubernetes.io/config.mirror']
  );
}

/** Queue keys of a call, or of what a DEL names: its container, and its pod where one is named (rule 3). */
export function queueKeys(call: Deletion): string[] {
  const { containerId, network } = call.attachment;
  const { namespace, pod } = call.args;
  const container = `container ${network}/${containerId}`;
  return namespace === '' || pod === '' ? [container] : [podKey(namespace, pod), container];
}

/** Queue key of a pod. */
export function podKey(namespace: string, pod: string): string {
  return `pod ${namespace}/${pod}`;
}
