/** The network config of a node's pods: Debian's bridge plugin, and which IPAM plugin gives the addresses. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { RUNTIME_SOCKET } from './container-runtime.ts';

const FILE = '/etc/cni/net.d/10-pods.conflist';
const POLL_MS = 50;
const WAIT_MS = 30_000;
const ANSWER_MS = 5_000;

/** What gives the pods their addresses: the `ipam` object of the config. */
export type Ipam = Readonly<Record<string, unknown>> & { readonly type: string };

/** `nodeFolder`: the node's own files, as seen from here. */
export function writePodNetwork(nodeFolder: string, ipam: Ipam): void {
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: false, ipam };
  const list = { cniVersion: '1.0.0', name: 'pods', plugins: [bridge] };
  writeFileSync(join(nodeFolder, FILE), `${JSON.stringify(list, null, 2)}\n`);
}

/** The same on a node that runs; its runtime starts pods with it when this resolves. */
export async function changePodNetwork(nodeFolder: string, ipam: Ipam): Promise<void> {
  writePodNetwork(nodeFolder, ipam);
  const until = performance.now() + WAIT_MS;
  // containerd watches the folder.
  while (!(await ipamTypes(nodeFolder)).includes(ipam.type)) {
    if (performance.now() > until) throw new Error(`${nodeFolder}: its network config is not read`);
    await pause(POLL_MS);
  }
}

/** Field numbers are those of CRI v1. */
const DEFINITION = loadPackageDefinition(
  fromJSON({
    nested: {
      runtime: {
        nested: {
          v1: {
            nested: {
              RuntimeService: {
                methods: {
                  Status: {
                    requestType: 'StatusRequest',
                    responseType: 'StatusResponse',
                    comment: '',
                  },
                },
              },
              StatusRequest: { fields: { verbose: { type: 'bool', id: 1 } } },
              StatusResponse: {
                fields: { info: { rule: 'repeated', type: 'InfoEntry', id: 2 } },
              },
              // Of a map.
              InfoEntry: {
                fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } },
              },
            },
          },
        },
      },
    },
  }),
) as unknown as { runtime: { v1: { RuntimeService: ServiceConstructor } } };

interface RuntimeService extends Client {
  Status(
    request: { readonly verbose: boolean },
    options: { readonly deadline: number },
    heard: (
      error: ServiceError | null,
      response?: { info?: { key: string; value: string }[] },
    ) => void,
  ): void;
}

type ServiceConstructor = new (
  address: string,
  credentials: object,
  options: object,
) => RuntimeService;

interface NetworkAccount {
  readonly Networks?: readonly {
    readonly Config: {
      readonly Plugins: readonly {
        readonly Network: { readonly ipam: { readonly type?: string } };
      }[];
    };
  }[];
}

/** The IPAM plugins that the runtime calls, as it says itself. */
async function ipamTypes(nodeFolder: string): Promise<(string | undefined)[]> {
  const service = new DEFINITION.runtime.v1.RuntimeService(
    `unix://${join(nodeFolder, RUNTIME_SOCKET)}`,
    credentials.createInsecure(),
    // The path of a socket is no authority that runtimes accept.
    { 'grpc.default_authority': 'localhost' },
  );
  try {
    const text = await new Promise<string>((resolve, reject) => {
      const deadline = Date.now() + ANSWER_MS;
      service.Status({ verbose: true }, { deadline }, (error, response) => {
        if (error === null)
          resolve(response?.info?.find(({ key }) => key === 'cniconfig')?.value ?? '{}');
        else reject(error);
      });
    });
    const { Networks = [] } = JSON.parse(text) as NetworkAccount;
    return Networks.flatMap(({ Config }) => Config.Plugins.map(({ Network }) => Network.ipam.type));
  } finally {
    service.close();
  }
}
