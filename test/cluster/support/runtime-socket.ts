/** The socket of a container runtime that runs nothing: it lists the sandboxes that a test says (CRI v1). */
import { join } from 'node:path';
import { loadPackageDefinition, Server, ServerCredentials } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/** Field numbers are those of CRI v1; the client knows no others. */
const DEFINITION = fromJSON({
  nested: {
    runtime: {
      nested: {
        v1: {
          nested: {
            RuntimeService: {
              methods: {
                ListPodSandbox: { requestType: 'Request', responseType: 'Response', comment: '' },
              },
            },
            Request: { fields: {} },
            PodSandbox: { fields: { id: { type: 'string', id: 1 } } },
            Response: { fields: { items: { rule: 'repeated', type: 'PodSandbox', id: 1 } } },
          },
        },
      },
    },
  },
});

type Heard = (error: null, response: object) => void;

export class RuntimeSocket implements Disposable {
  readonly path: string;
  /** Container ids of the sandboxes that run. */
  readonly sandboxes = new Set<string>();
  /** How often it was asked. */
  asked = 0;
  readonly #server = new Server();

  private constructor(path: string) {
    this.path = path;
  }

  /** Listens in a folder. */
  static async listen(folder: string): Promise<RuntimeSocket> {
    const socket = new RuntimeSocket(join(folder, 'runtime.sock'));
    const loaded = loadPackageDefinition(DEFINITION) as never as {
      runtime: { v1: { RuntimeService: { service: never } } };
    };
    socket.#server.addService(loaded.runtime.v1.RuntimeService.service, {
      ListPodSandbox: (_: unknown, heard: Heard) => {
        socket.asked += 1;
        heard(null, { items: [...socket.sandboxes].map((id) => ({ id })) });
      },
    } as never);
    await new Promise<void>((resolve, reject) =>
      socket.#server.bindAsync(
        `unix://${socket.path}`,
        ServerCredentials.createInsecure(),
        (error) => (error === null ? resolve() : reject(error)),
      ),
    );
    return socket;
  }

  [Symbol.dispose](): void {
    this.#server.forceShutdown();
  }
}
