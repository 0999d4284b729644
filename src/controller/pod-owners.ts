/**
 * Whom pods belong to, for their endpoints: read when an endpoint is to be written, remembered for telling
 * whether one is still right. The pods themselves are not watched; at the start they are read once, page by page.
 */
import { SPIDERPOOL_KEYS } from '../dialect/annotations.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { OwnerChain } from '../kube/owner-chain.ts';
import type { ClusterAccess } from './access.ts';
import { type PodName, podKey } from './claims-view.ts';

export interface PodOwner {
  /** Of the API server's object. */
  readonly uid: string;
  /** All uids that the pod goes by: a static pod has one of its file as well. */
  readonly uids: readonly string[];
  /** At the top, through a ReplicaSet or a Job. */
  readonly controller: { readonly kind: string; readonly name: string };
  /** Those that its endpoint shows something of. */
  readonly annotations: Readonly<Record<string, string>>;
}

const FILE_UIDS = ['kubernetes.io/config.hash', 'kubernetes.io/config.mirror'];
const SHOWN = [SPIDERPOOL_KEYS.routes];

export class PodOwners {
  readonly #access: Pick<ClusterAccess, 'objects' | 'eachPage'>;
  readonly #chain: Pick<OwnerChain, 'topOf'>;
  readonly #known = new Map<string, PodOwner | 'gone'>();

  constructor(
    access: Pick<ClusterAccess, 'objects' | 'eachPage'>,
    chain: Pick<OwnerChain, 'topOf'>,
  ) {
    this.#access = access;
    this.#chain = chain;
  }

  /** As read last; undefined where it never was. */
  known(pod: PodName): PodOwner | 'gone' | undefined {
    return this.#known.get(podKey(pod));
  }

  /** Reads the pod from etcd. `away`: the server did not say. */
  async read(pod: PodName): Promise<PodOwner | 'gone' | 'away'> {
    const outcome = await this.#access.objects.get('Pod', pod);
    if (outcome.kind === 'not-found') {
      this.#known.set(podKey(pod), 'gone');
      return 'gone';
    }
    return outcome.kind === 'ok' ? this.#learn(pod, outcome.value) : 'away';
  }

  /** Reads the pods that `wanted` picks, all in a few requests. What cannot be read now is when it is needed. */
  async readAll(wanted: (pod: PodName) => boolean): Promise<void> {
    const found: { pod: PodName; object: KubeObject }[] = [];
    await this.#access.eachPage('Pod', (objects) => {
      for (const { apiVersion, kind, metadata } of objects) {
        const pod = { namespace: metadata.namespace ?? '', name: metadata.name };
        if (wanted(pod)) {
          found.push({ pod, object: { apiVersion, kind, metadata: slim(metadata) } });
        }
      }
    });
    for (const { pod, object } of found) {
      await this.#learn(pod, object);
    }
  }

  /** The pod holds nothing any more. */
  forget(pod: PodName): void {
    this.#known.delete(podKey(pod));
  }

  async #learn(pod: PodName, object: KubeObject): Promise<PodOwner> {
    const { kind, name } = await this.#chain.topOf(object);
    const { uid = '', annotations = {} } = object.metadata;
    const others = FILE_UIDS.flatMap((key) => annotations[key] ?? []);
    const shown = only(SHOWN, annotations);
    const owner = { uid, uids: [uid, ...others], controller: { kind, name }, annotations: shown };
    this.#known.set(podKey(pod), owner);
    return owner;
  }
}

/** Only what is used above: a page holds hundreds of whole pods. */
function slim({ name, namespace, uid, annotations = {}, ownerReferences }: KubeObject['metadata']) {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    annotations: only([...FILE_UIDS, ...SHOWN], annotations),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
}

function only(keys: readonly string[], map: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(map).filter(([key]) => keys.includes(key)));
}
