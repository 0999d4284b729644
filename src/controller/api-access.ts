/** The controller's view of a real API server. */
import type { Timers } from '../ipam/timers.ts';
import type { ApiServer } from '../kube/api-server.ts';
import { BlockServer } from '../kube/block-server.ts';
import { asKept } from '../kube/kept-form.ts';
import { readPages } from '../kube/object-list.ts';
import type { KubeObjects } from '../kube/objects.ts';
import { Reflector } from '../kube/reflector.ts';
import { resourcePath, resourceTypes } from '../kube/resources.ts';
import type { ClusterAccess } from './access.ts';

/** All that the duties need, over one API server. */
export function apiAccess(parts: {
  readonly api: ApiServer;
  readonly objects: KubeObjects;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}): ClusterAccess {
  const { api, objects, timers, random } = parts;
  return {
    objects,
    blocks: new BlockServer(api),
    clock: api.clock,
    follow: (resource, { namespace, fieldSelector, keep, onChange } = {}) => {
      const place = namespace === undefined ? {} : { namespace };
      const reflector = new Reflector({
        api,
        path: resourceTypes(resource).map((type) => resourcePath(type, place)),
        ...(fieldSelector === undefined ? {} : { query: { fieldSelector } }),
        keep: (object) => {
          // In the version that the dialects read, whichever the server has.
          const named = typeof resource === 'string' ? asKept(resource, object) : object;
          return keep === undefined ? named : keep(named);
        },
        timers,
        random,
        ...(onChange === undefined ? {} : { onChange }),
      });
      reflector.start();
      return reflector;
    },
    eachPage: async (resource, read) => {
      const end = await readPages(api, resourcePath(resource), {}, read);
      return end.kind === 'ok';
    },
  };
}
