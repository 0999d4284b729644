/**
 * The sandboxes of a container runtime, by the Container Runtime Interface v1 (`runtime.v1.RuntimeService`) on its
 * unix socket. Only what is needed of the interface is written down here; a decoder passes over fields that it
 * does not know.
 */
import { type Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { Sandboxes } from '../ipam/own-node-freeing.ts';

/** Field numbers are those of CRI v1. A request without a filter asks for all sandboxes. */
const DEFINITION = fromJSON({
  nested: {
    runtime: {
      nested: {
        v1: {
          nested: {
            RuntimeService: {
              methods: {
                ListPodSandbox: {
                  requestType: 'ListPodSandboxRequest',
                  responseType: 'ListPodSandboxResponse',
                  comment: '',
                },
              },
            },
            ListPodSandboxRequest: { fields: {} },
            ListPodSandboxResponse: {
              fields: { items: { rule: 'repeated', type: 'PodSandbox', id: 1 } },
            },
            PodSandbox: { fields: { id: { type: 'string', id: 1 } } },
          },
        },
      },
    },
  },
});

interface RuntimeService extends Client {
  ListPodSandbox(
    request: object,
    options: { deadline: number },
    heard: (error: ServiceError | null, response?: { items?: { id: string }[] }) => void,
  ): void;
}

type ServiceConstructor = new (
  address: string,
  credentials: object,
  options: object,
) => RuntimeService;

export class RuntimeSandboxes implements Sandboxes {
  readonly #socket: string;
  readonly #service: RuntimeService;

  /** `socket`: absolute path of the runtime's socket. It is connected to when it is asked. */
  constructor(socket: string) {
    this.#socket = socket;
    const loaded = loadPackageDefinition(DEFINITION) as unknown as {
      runtime: { v1: { RuntimeService: ServiceConstructor } };
    };
    this.#service = new loaded.runtime.v1.RuntimeService(
      `unix://${socket}`,
      credentials.createInsecure(),
      {
        // The path of a socket is no authority that runtimes accept.
        'grpc.default_authority': 'localhost',
        // A sandbox with its labels and annotations may take kilobytes, and 4 MiB are the default.
        'grpc.max_receive_message_length': LIMITS.sandboxListBytesMax,
      },
    );
  }

  /** Rejects with IO_FAILURE where the runtime does not answer within LIMITS.sandboxListMs. */
  ids(): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + LIMITS.sandboxListMs;
      this.#service.ListPodSandbox({}, { deadline }, (error, response) => {
        if (error === null) {
          resolve((response?.items ?? []).map(({ id }) => id));
          return;
        }
        const message = `the container runtime at ${this.#socket} did not list its sandboxes`;
        reject(new OrbweaverError('IO_FAILURE', message, error.message));
      });
    });
  }

  close(): void {
    this.#service.close();
  }
}
