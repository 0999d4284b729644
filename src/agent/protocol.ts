/**
 * What the CLI and the agent say to each other, as JSON on the agent's socket. `/cni`, the plugin's
 * own path, is in src/agent/cni-route.ts.
 *
 * A refusal is `{"error": ErrorBody}` with a status of 400 and above.
 */
import type { ErrorCode } from '../catalogue/errors.ts';
import type { PoolLine, Refusal } from '../choose/explain.ts';
import type { SourceLine } from '../choose/source-lines.ts';
import type { KindId } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';

export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  /** May be empty. */
  readonly details: string;
}

/** Names one object. `namespace` is empty for cluster-scoped kinds. */
export interface ObjectRef {
  readonly kind: KindId;
  readonly namespace: string;
  readonly name: string;
}

/** POST /v1/apply. Every object is tried, whatever becomes of the others, as kubectl does it. */
export interface ApplyRequest {
  readonly objects: readonly KubeObject[];
  /** `create` refuses what exists already, `replace` what does not. */
  readonly mode: 'apply' | 'create' | 'replace';
}

export interface ApplyResult {
  /** What the manifest said; the kind may be one that is not kept. */
  readonly object: { readonly apiVersion: string; readonly kind: string; readonly name: string };
  readonly action: 'created' | 'configured' | 'unchanged' | 'failed';
  /** What admission had to say without refusing. */
  readonly warnings: readonly string[];
  /** Where the action is `failed`. */
  readonly error?: ErrorBody;
}

export interface ApplyResponse {
  readonly results: readonly ApplyResult[];
}

/** POST /v1/delete. */
export interface DeleteRequest {
  readonly refs: readonly ObjectRef[];
}

export interface DeleteResult {
  readonly ref: ObjectRef;
  /** `terminating`: it gives nothing new and goes with its last claim. */
  readonly action: 'deleted' | 'terminating' | 'missing' | 'failed';
  readonly error?: ErrorBody;
}

export interface DeleteResponse {
  readonly results: readonly DeleteResult[];
}

/** GET /v1/objects?kind=KIND_ID[&namespace=][&name=]. No namespace: all of them. */
export interface ObjectsResponse {
  readonly objects: readonly KubeObject[];
}

/** POST /v1/annotate and POST /v1/label. */
export interface AnnotateRequest {
  readonly ref: ObjectRef;
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
  /** Without it, a key that exists with another value is refused. */
  readonly overwrite: boolean;
}

/** POST /v1/patch. `merge` is RFC 7396, `json` is RFC 6902. */
export interface PatchRequest {
  readonly ref: ObjectRef;
  readonly type: 'merge' | 'json';
  readonly patch: unknown;
}

/** Answer to annotate, label and patch. */
export interface EditResponse {
  readonly object: KubeObject;
  readonly changed: boolean;
  readonly warnings: readonly string[];
}

/**
 * GET /v1/ipam/pools. Counts are decimal text: an IPv6 pool has more addresses than a double can
 * tell.
 */
export interface PoolRow {
  readonly name: string;
  readonly dialect: string;
  readonly cidr: string;
  /** Eligible addresses: ranges without reserved ones. */
  readonly total: string;
  readonly used: string;
  readonly resting: string;
  readonly reserved: string;
  readonly blocks: readonly BlockRow[];
}

/** An affinity unit that is owned or has a line: 64 addresses, or Calico's blockSize. */
export interface BlockRow {
  readonly cidr: string;
  readonly total: string;
  readonly used: string;
  readonly resting: string;
  readonly reserved: string;
  /** The node that owns an affinity unit of a Calico pool. */
  readonly owner?: string;
}

export interface PoolsResponse {
  readonly pools: readonly PoolRow[];
  /** Blocks with claims that no pool covers any more. */
  readonly orphans: readonly BlockRow[];
}

/** An address that a node holds in an affinity unit of another node, or of nobody. */
export interface BorrowedRow {
  readonly ip: string;
  readonly node: string;
  readonly block: string;
  /** Empty where nobody owns the unit. */
  readonly owner: string;
  /** `pod`, or empty for a container without one. */
  readonly type: string;
  /** `NAMESPACE/POD`, or the container's id. */
  readonly allocatedTo: string;
}

/** GET /v1/ipam/borrowed. */
export interface BorrowedResponse {
  readonly rows: readonly BorrowedRow[];
}

/** GET /v1/ipam/address?ip=. */
export interface AddressResponse {
  readonly ip: string;
  readonly state: 'free' | 'used' | 'resting' | 'reserved';
  /** Pools that cover the address. */
  readonly pools: readonly string[];
  /**
   * Of a claim or of a rest: pool, pod, node and so on, by Calico's attribute names where it has
   * one.
   */
  readonly attributes: Readonly<Record<string, string>>;
  /** Of a claim: network, container id and interface, joined by `.`. */
  readonly handle?: string;
}

/** POST /v1/ipam/release. */
export interface ReleaseRequest {
  readonly ip: string;
}

/** A claim in the answer to GET /v1/ipam/check. */
export interface CheckProblem {
  readonly ip: string;
  readonly what: string;
}

/** GET /v1/ipam/check. */
export interface CheckResponse {
  readonly blocks: number;
  readonly claims: number;
  readonly pools: number;
  readonly problems: readonly CheckProblem[];
}

/** GET /v1/events?namespace=&pod=. What the kubelet would have written about refusals. */
export interface EventRow {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly from: string;
  readonly message: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** How often it happened; the first time was at `firstAt`. */
  readonly count: number;
  readonly firstAt: string;
}

export interface EventsResponse {
  readonly events: readonly EventRow[];
}

/** GET /v1/agent. */
export interface AgentResponse {
  readonly version: string;
  readonly node: string;
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly waits?: string;
}

/** GET /v1/server, with --kubeconfig: who answers instead of an agent. */
export interface ServerResponse {
  readonly url: string;
  /** Of Kubernetes, as `v1.34.4`. */
  readonly version: string;
}

/** POST /v1/explain. Either an applied pod by name, or the manifest of one that need not exist. */
export interface ExplainRequest {
  readonly namespace: string;
  readonly name: string;
  readonly object?: KubeObject;
  /** Undefined: the pod's own, else the agent's. */
  readonly node?: string;
  readonly interface: string;
  /** The name that the plugin would be called by; it decides the dialect. */
  readonly calledAs?: string;
  /** The network config, as JSON text. */
  readonly config?: string;
}

export interface ExplainedFamily {
  readonly family: 4 | 6;
  readonly pools: readonly PoolLine[];
  /** What an ADD would get now. */
  readonly next?: { readonly address: string; readonly pool: string };
  readonly requested?: { readonly address: string; readonly road: string };
}

export interface ExplainResponse {
  readonly pod: { readonly namespace: string; readonly name: string; readonly node: string };
  /** What the pod holds already; a new sandbox keeps it. */
  readonly held: readonly {
    readonly interface: string;
    readonly address: string;
    readonly pool: string;
  }[];
  readonly dialect?: string;
  readonly source?: string;
  readonly sources: readonly SourceLine[];
  readonly interfaces: readonly {
    readonly name: string;
    readonly order: number;
    readonly cleanGateway: boolean;
    readonly families: readonly ExplainedFamily[];
  }[];
  readonly customRoutes: readonly { readonly dst: string; readonly gw: string }[];
  readonly refusal?: Refusal;
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** POST /v1/backup. */
export interface BackupRequest {
  /** Absolute path of a file that does not exist yet, on the agent's machine. */
  readonly path: string;
}

export interface BackupResponse {
  readonly path: string;
  readonly bytes: number;
}
