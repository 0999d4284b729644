/**
 * The one birthplace of every error.
 *
 * A row gives the code's CNI number, whether trying again can help, and what the operator can do. The
 * message is written where the error is raised, because the dialects fix its exact words; the code, the
 * number and the hint live only here. docs/errors.md is checked against this table in both directions.
 */

/** What a catalogue row says about one error code. */
export interface ErrorRow {
  /** CNI error number: 0–99 as the CNI specification reserves them, 100 and above our own. */
  readonly cni: number;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retry: boolean;
  /** What happened, in one sentence. */
  readonly cause: string;
  /** What the operator can do, in one sentence. */
  readonly hint: string;
}

export const ERRORS = {
  // The call itself
  CNI_VERSION_UNSUPPORTED: {
    cni: 1,
    retry: false,
    cause:
      'The config asks for a CNI version, or for a verb in a version, that is not spoken here.',
    hint: 'Set cniVersion in the network config to one of 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0.',
  },
  UNSUPPORTED_REQUEST: {
    cni: 2,
    retry: false,
    cause: 'The request asks for something that the chosen pools or this dialect cannot do.',
    hint: 'Remove the field named in the message, or use a pool that supports it.',
  },
  ENVIRONMENT_INVALID: {
    cni: 4,
    retry: false,
    cause: 'A CNI_* variable is missing, too long or malformed.',
    hint: 'Correct the variable named in the message; it comes from the runtime or from the caller.',
  },
  IO_FAILURE: {
    cni: 5,
    retry: true,
    cause: 'Reading or writing failed outside the address store.',
    hint: 'Look at the details: they hold the operating system error.',
  },
  DECODE_FAILURE: {
    cni: 6,
    retry: false,
    cause: 'The network config, or the request that carries it, is not valid JSON or is too large.',
    hint: 'Check the network config file; the position of the first fault is in the message.',
  },
  CONFIG_INVALID: {
    cni: 7,
    retry: false,
    cause: 'A field of the network config has a wrong type or value.',
    hint: 'Correct the field named in the message.',
  },
  ANNOTATION_INVALID: {
    cni: 7,
    retry: false,
    cause: 'An annotation of the pod or of its namespace cannot be used as written.',
    hint: 'Correct the annotation named in the message; `orbweaver explain pod` shows how it is read.',
  },
  POOL_UNKNOWN: {
    cni: 7,
    retry: false,
    cause: 'A pool is named that does not exist.',
    hint: 'Create the pool, or correct the name in the annotation or config that `explain` points at.',
  },
  NO_POOL_AVAILABLE: {
    cni: 7,
    retry: false,
    cause: 'No pool may serve this pod: none is named, or all that are named refuse it.',
    hint: 'Run `orbweaver explain pod NAME -n NAMESPACE`: it lists every candidate and its reason.',
  },
  ADDRESSES_EXHAUSTED: {
    cni: 11,
    retry: true,
    cause: 'Every address of every candidate pool is in use.',
    hint: 'Grow a pool (`orbweaver get sp -o wide` shows usage) or name a backup pool; waiting pods get in by themselves.',
  },
  ADDRESS_TAKEN: {
    cni: 7,
    retry: false,
    cause:
      'The address that was asked for by number is held by somebody else or is not in a candidate pool.',
    hint: 'Ask `orbweaver ipam show --ip ADDRESS` who holds it.',
  },
  CHECK_FAILED: {
    cni: 103,
    retry: false,
    cause:
      'CHECK found that an address of the previous result is not reserved for this attachment.',
    hint: 'Recreate the pod; `orbweaver ipam show --ip ADDRESS` shows the present holder.',
  },
  POD_DEAD: {
    cni: 100,
    retry: false,
    cause: 'The pod has finished or is being deleted, so it gets no address.',
    hint: 'Nothing to do: the runtime is behind; the pod is going away.',
  },
  POD_REPLACED: {
    cni: 101,
    retry: false,
    cause: 'The pod of this name has another uid than the caller says: it was replaced.',
    hint: 'Nothing to do: the runtime asks again for the new pod.',
  },
  POD_ELSEWHERE: {
    cni: 102,
    retry: false,
    cause:
      'The API server has the pod on another node than the one that this agent is started for.',
    hint: "Start the agent with the name of its machine's Node as --node; the DaemonSet takes it from spec.nodeName.",
  },
  POD_UNKNOWN: {
    cni: 11,
    retry: true,
    cause: 'The pod is not known (yet).',
    hint: 'If it persists, check that the agent can read pods.',
  },
  // The agent
  NOT_READY: {
    cni: 11,
    retry: true,
    cause: 'The agent is starting, stopping or has lost its store.',
    hint: 'Wait; if it persists, read the agent log.',
  },
  STATUS_UNAVAILABLE: {
    cni: 50,
    retry: true,
    cause: 'STATUS: an ADD could not be served now.',
    hint: 'The details say what is missing: addresses, or the store.',
  },
  QUEUE_FULL: {
    cni: 11,
    retry: true,
    cause: 'Too many calls wait already, for one pod or in all.',
    hint: 'The runtime tries again; if it persists, look at the disk latency in the agent metrics.',
  },
  DEADLINE_EXCEEDED: {
    cni: 11,
    retry: true,
    cause: 'The call could not be finished inside its deadline.',
    hint: 'The runtime tries again; if it persists, look at the disk latency in the agent metrics.',
  },
  CALLER_GONE: {
    cni: 11,
    retry: true,
    cause: 'The plugin hung up before its ADD was started, so nothing was claimed.',
    hint: 'Nothing to do: the runtime killed the plugin and tries again.',
  },
  INTERNAL: {
    cni: 999,
    retry: false,
    cause: 'A fault inside Orbweaver.',
    hint: 'Please report it with the agent log.',
  },
  SOCKET_IN_USE: {
    cni: 100,
    retry: false,
    cause: 'Another agent answers on the socket path.',
    hint: 'Stop the other agent, or give this one a --socket of its own.',
  },
  PATH_UNKNOWN: {
    cni: 100,
    retry: false,
    cause: 'The request names a path that the agent does not serve.',
    hint: 'Use a CLI of the same version as the agent: `orbweaver version` shows both.',
  },
  // The store
  STORE_FAILURE: {
    cni: 11,
    retry: true,
    cause: 'The address store could not make a change durable; nothing of the change was kept.',
    hint: 'Free disk space or repair the disk under the state folder; the agent reopens the store by itself.',
  },
  STORE_LOCKED: {
    cni: 100,
    retry: false,
    cause: 'Another agent holds this state folder.',
    hint: 'Stop the other agent, or give this one a --state folder of its own.',
  },
  STORE_DAMAGED: {
    cni: 100,
    retry: false,
    cause: 'The state file is damaged or is not an Orbweaver state file; it was left as it is.',
    hint: 'Restore a backup (docs/backup.md) or move the file away to start empty.',
  },
  STORE_TOO_NEW: {
    cni: 100,
    retry: false,
    cause: 'The state file was written by a newer Orbweaver; it was left as it is.',
    hint: 'Install that version again, or restore a backup made before the upgrade.',
  },
  CLAIM_TOO_LONG: {
    cni: 7,
    retry: false,
    cause: 'The names of a claim together are longer than one line of an IPBlock may be.',
    hint: 'Shorten the longest name in the details; `claimLineBytesMax` is the limit.',
  },
  // The API server
  KUBECONFIG_INVALID: {
    cni: 100,
    retry: false,
    cause:
      'The kubeconfig, or the service account of the pod, does not say how to reach the API server.',
    hint: 'Correct the file and field named in the message; `kubectl --kubeconfig FILE get nodes` tries it out.',
  },
  API_SERVER_AWAY: {
    cni: 11,
    retry: true,
    cause: 'The API server did not answer, or refused what was asked of it.',
    hint: 'Check that the API server runs, and that the account may do what the details name.',
  },
  API_FORBIDDEN: {
    cni: 100,
    retry: false,
    cause: 'The API server does not let this account do what was asked.',
    hint: 'Use an account that may; `kubectl auth can-i` tells what one may do.',
  },
  KEPT_BY_CLUSTER: {
    cni: 100,
    retry: false,
    cause: 'The command is about objects that an API server keeps, and not this agent.',
    hint: 'Use kubectl for it; the message says how.',
  },
  // Objects
  OBJECT_INVALID: {
    cni: 7,
    retry: false,
    cause: 'A manifest breaks a rule of its kind.',
    hint: 'Correct the field named in the message and apply again.',
  },
  OBJECT_NOT_FOUND: {
    cni: 7,
    retry: false,
    cause: 'No object of that kind and name exists.',
    hint: 'List what exists with `orbweaver get KIND`.',
  },
  OBJECT_EXISTS: {
    cni: 7,
    retry: false,
    cause: 'An object of that kind and name exists already.',
    hint: 'Use `orbweaver apply` to change it.',
  },
  OBJECT_CONFLICT: {
    cni: 11,
    retry: true,
    cause: 'The object was changed by somebody else at the same time.',
    hint: 'Look at it as it is now, and try again.',
  },
  KIND_UNKNOWN: {
    cni: 7,
    retry: false,
    cause: 'The manifest is of a kind that Orbweaver does not keep.',
    hint: 'Apply it with kubectl; `orbweaver apply --help` lists the kinds kept here.',
  },
  // The command line
  USAGE: {
    cni: 100,
    retry: false,
    cause: 'The command line cannot be understood.',
    hint: 'Run the command with --help: it has examples.',
  },
  AGENT_UNREACHABLE: {
    cni: 11,
    retry: true,
    cause: 'No agent answers on the socket.',
    hint: 'Start one: `orbweaver agent --state DIR --socket PATH --node NAME`, or set ORBWEAVER_SOCKET.',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** An error out of the catalogue. `message` is for people and is exact where a dialect fixes its words. */
export class OrbweaverError extends Error {
  override readonly name = 'OrbweaverError';
  readonly code: ErrorCode;
  /** What else is known: candidate reasons, field paths, operating system errors. May be empty. */
  readonly details: string;

  constructor(code: ErrorCode, message: string, details = '', options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  /** The catalogue row of this error. */
  get row(): ErrorRow {
    return ERRORS[this.code];
  }
}
