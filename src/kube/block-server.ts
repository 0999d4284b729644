/** IPBlocks on a real API server. */
import type { ApiOutcome, BlockApi, BlockPage, ListQuery, PatchOperation } from './api.ts';
import type { ApiServer } from './api-server.ts';
import { COARSE_LABEL, IP_BLOCK, type IpBlock } from './ip-block.ts';
import { type ResourceType, resourcePath } from './resources.ts';

/** IPBlocks as paths name them. */
export const IP_BLOCKS: ResourceType = { ...IP_BLOCK, namespaced: false };

interface IpBlockList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly IpBlock[];
}

/** A list or a create that is not found: nothing would change by reading anew. */
const NOT_SERVED: ApiOutcome<never> = {
  kind: 'refused',
  reason: 'the API server does not serve IPBlocks: deploy/crds/ipblock.yaml is not applied',
  status: 404,
};

export class BlockServer implements BlockApi {
  readonly #api: ApiServer;

  constructor(api: ApiServer) {
    this.#api = api;
  }

  get(name: string): Promise<ApiOutcome<IpBlock>> {
    return this.#api.request({ method: 'GET', path: resourcePath(IP_BLOCKS, { name }) });
  }

  peek(name: string): Promise<ApiOutcome<IpBlock>> {
    const path = resourcePath(IP_BLOCKS, { name, query: { resourceVersion: '0' } });
    return this.#api.request({ method: 'GET', path });
  }

  async list(query: ListQuery): Promise<ApiOutcome<BlockPage>> {
    const { coarseNetworks, limit } = query;
    const labelSelector =
      coarseNetworks === undefined ? undefined : `${COARSE_LABEL} in (${coarseNetworks.join(',')})`;
    const outcome = await this.#api.request<IpBlockList>({
      method: 'GET',
      path: resourcePath(IP_BLOCKS, { query: { limit, labelSelector, continue: query.continue } }),
    });
    if (outcome.kind !== 'ok') {
      return outcome.kind === 'not-found' ? NOT_SERVED : outcome;
    }
    const { metadata, items } = outcome.value;
    return {
      kind: 'ok',
      value: {
        blocks: items,
        resourceVersion: metadata.resourceVersion,
        // Empty on the last page.
        continue: metadata.continue || undefined,
      },
    };
  }

  async create(block: IpBlock): Promise<ApiOutcome<IpBlock>> {
    const path = resourcePath(IP_BLOCKS);
    const outcome = await this.#api.request<IpBlock>({ method: 'POST', path, body: block });
    return outcome.kind === 'not-found' ? NOT_SERVED : outcome;
  }

  patch(name: string, operations: readonly PatchOperation[]): Promise<ApiOutcome<IpBlock>> {
    return this.#api.request({
      method: 'PATCH',
      path: resourcePath(IP_BLOCKS, { name }),
      contentType: 'application/json-patch+json',
      body: operations,
    });
  }

  async delete(
    name: string,
    preconditions: { readonly uid: string; readonly resourceVersion: string },
  ): Promise<ApiOutcome<void>> {
    const outcome = await this.#api.request({
      method: 'DELETE',
      path: resourcePath(IP_BLOCKS, { name }),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions },
    });
    return outcome.kind === 'ok' ? { kind: 'ok', value: undefined } : outcome;
  }
}
