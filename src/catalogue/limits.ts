/**
 * Every limit has a name, a unit and this one home (invariant I12). README.md prints this table and a test
 * compares the two.
 */
export const LIMITS = {
  /** Largest request body on the agent's socket, in bytes: 1 MiB of config as a JSON string, doubled by escaping, plus the environment. */
  bodyBytesMax: 4 * 1024 * 1024,
  /** Largest manifest body on the agent's socket, in bytes. */
  manifestBytesMax: 64 * 1024 * 1024,
  /** Nesting of maps and lists in one manifest. */
  manifestDepthMax: 64,
  /** Pods of one workload. */
  workloadPodsMax: 10_000,
  /** The agent answers a CNI call within this many milliseconds; the plugin waits 60,000. */
  callDeadlineMs: 30_000,
  /** A request on the agent's socket must have arrived whole within this many milliseconds. */
  requestReadMs: 30_000,
  /** Length of the socket's path, in bytes (the kernel's own limit). */
  socketPathBytesMax: 107,
  /** ADDs and DELs waiting in the queue of one pod. */
  podQueueMax: 64,
  /** Calls in progress in one agent, over all pods. */
  callsMax: 8192,
  /** Slot writes in one group commit. */
  commitWritesMax: 4096,
  /** One claim in an IPBlock with the names it refers to, in bytes. The longest names of Kubernetes need about 1,500. */
  claimLineBytesMax: 4_096,
  /** IPBlocks in one page of a list; a page is in memory as a whole, about 1 MiB for 50 full blocks read. */
  blocksPageMax: 50,
  /** An IPBlock stays at least this many milliseconds after its last rest has ended. */
  blockKeptMs: 3_600_000,
  /** Requests that one agent has open at the API server. */
  apiRequestsMax: 64,
  /**
   * One request to the API server is given up after this many milliseconds, unless it says otherwise: longer than
   * a busy server takes for a write, and three of them fit into a commit.
   */
  apiRequestMs: 5_000,
  /**
   * Bytes of one answer of the API server, or of one event of a watch. Lists come in pages; a page is far beyond all
   * sense here long before it does not fit in memory.
   */
  answerBytesMax: 268_435_456,
  /** Objects in one page of a list. */
  listPageMax: 500,
  /** A watch is asked for this many milliseconds; then the server ends it, and the next one begins where it was. */
  watchMs: 300_000,
  /** The same for a watch of a kind to which nothing happens: of those the server sends no bookmarks either. */
  quietWatchMs: 120_000,
  /** A watch that says nothing for this many milliseconds is broken: others have a bookmark every minute. */
  watchSilenceMs: 150_000,
  /** A kind that the API server does not serve is looked for again after this many milliseconds, or sooner. */
  unservedKindMs: 30_000,
  /** The blocks of a pool that looks full are read anew no sooner than this many milliseconds after the last time. */
  freshReadMs: 500,
  /** Blocks that a node remembers to share with others, because it lost a race in them; the oldest are forgotten. */
  sharedBlocksMax: 1_024,
  /** Blocks that a search looks at ahead where it loses one race after another. */
  lookAheadBlocks: 8,
  /** What such a look has seen it does not look at again for this many milliseconds. */
  lookAheadMs: 5_000,
  /** A commit to the API server is given up after this many milliseconds, and settled behind the answer. */
  apiCommitMs: 15_000,
  /** STATUS answers 50 once the API server has not answered for this many milliseconds. */
  apiAwayMs: 5_000,
  /** An agent's Lease of its node name that was not renewed for this many milliseconds may be taken by another agent. */
  leaseMs: 30_000,
  /** A Lease is renewed this many milliseconds after the last renewal. */
  leaseRenewMs: 10_000,
  /** Length of the message of one Kubernetes Event, in characters; the API server takes no more in its newer form. */
  eventCharsMax: 1_024,
  /** Kubernetes Events that one agent writes, per second; a refusal that is repeated is counted in the Event it has. */
  eventsPerSecondMax: 5,
  /** A block with claims of the agent's node is read again when nothing renewed its copy for this many milliseconds, twice at most. */
  blockVerifyMs: 25_000,
  /** All blocks are listed again after about this many milliseconds, to find claims of the node that landed where nobody looks. */
  blocksRelistMs: 3_600_000,
  /** Time between two looks for claims of the node whose pod and sandbox are gone, in milliseconds. */
  freeingPassMs: 30_000,
  /** Such a claim is freed when it was found so again at least this many milliseconds later. */
  freeingGraceMs: 60_000,
  /** Share of the node's claims that one such pass may free, in percent; where more are due it frees none and says so. */
  freeingShareMax: 50,
  /** Claims that one pass may free whatever their share. */
  freeingAlways: 16,
  /** The container runtime must list its sandboxes within this many milliseconds. */
  sandboxListMs: 10_000,
  /** Length of the runtime's list of its sandboxes, in bytes; a sandbox takes a few thousand with its annotations. */
  sandboxListBytesMax: 64 * 1024 * 1024,
  /** A DEL whose write takes longer than this many milliseconds is made durable on the node, answered, and written later. */
  delAnswerMs: 3_000,
  /** Ranges in one pool. */
  poolRangesMax: 10_000,
  /** Pools in one engine. */
  poolsMax: 65_536,
  /** Addresses in a densely mapped pool; wider pools are mapped on demand. */
  densePoolAddressesMax: 2 ** 24,
  /** Rest of a released address, in milliseconds, where the pool says nothing else. */
  restMs: 30_000,
  /** Interfaces that one pod may claim ahead with `ippools`. */
  interfacesMax: 64,
  /** Length of one CNI_* variable, in characters; the plugin sends 64 KiB of them at most. */
  environmentCharsMax: 65_536,
  /** Length of a container id, in characters. */
  containerIdCharsMax: 256,
  /** Pending connections of the agent's socket (the kernel caps it at net.core.somaxconn). */
  listenBacklog: 4096,
  /** Records written into SpiderIPPool `status.allocatedIPs`; beyond that only the counts. */
  statusRecordsMax: 5_000,
  /** Length of `status.allocatedIPs`, in bytes: an object of 1,500,000 is refused. Beyond that only the counts. */
  statusRecordsBytesMax: 1_000_000,
  /** The controller's Lease that stays unrenewed for this many milliseconds may be taken by another controller. */
  leaderLeaseMs: 15_000,
  /** The leading controller stops writing this many milliseconds after the last renewal that was answered. */
  leaderRenewMs: 10_000,
  /** A controller tries to get or to renew its Lease this many milliseconds after the last try. */
  leaderRetryMs: 2_000,
  /** The controller writes a pod's endpoint this many milliseconds after the first change of its addresses. */
  endpointDelayMs: 200,
  /** The controller writes a pool's status this many milliseconds after the first change, and no more often. */
  poolStatusDelayMs: 1_000,
  /** For each record in `status.allocatedIPs` the next write of the status waits this many milliseconds longer. */
  poolStatusRecordMs: 2,
  /** Endpoints, and pools, that the controller writes at a time. */
  projectionWorkers: 16,
  /** The controller compares everything with everything this many milliseconds after the last time. */
  fullPassMs: 600_000,
  /** A pool of which this many percent are held is nearly exhausted, and an Event says so. */
  poolNearlyFullPercent: 90,
  /** A pool of which fewer than this many percent are held is no longer nearly exhausted. */
  poolRelievedPercent: 80,
  /** The controller looks this often, in milliseconds, for claims of nodes that are gone. */
  deadNodePassMs: 30_000,
  /** A claim of a node that is gone is freed when it was seen so for this many milliseconds. */
  deadNodeWaitMs: 60_000,
  /** A pass that would free more than this many percent of all claims frees none, and says so. */
  freedSharePercent: 50,
  /** As many claims may be freed in one pass, whatever share of all claims they are. */
  freedAlwaysMax: 64,
  /** Largest admission review, in bytes: the new object and the old one, at the size that the API server stores. */
  webhookBodyBytesMax: 8 * 1024 * 1024,
  /** Life of the webhook's certificate, in milliseconds; a new one is made when two thirds of it are over. */
  webhookCertificateMs: 7_776_000_000,
  /** A controller looks after the webhook's certificate this many milliseconds after the last time. */
  webhookCheckMs: 60_000,
  /** Label keys that the pools' selectors may use, per class, before further selectors are evaluated one by one. */
  affinityKeysMax: 256,
  /** Rows kept for the values of one label key; beyond that the oldest is made again when asked for. */
  affinityValueRowsMax: 1024,
  /** Nodes, namespaces and pod label sets whose rows are kept for the next call, per class. */
  affinityViewsMax: 4096,
  /** Wildcards of pool names whose matches are kept until a pool changes. */
  wildcardsMax: 1024,
  /** Refusals kept in memory for `describe pod`, over all pods; the oldest go first. */
  eventsMax: 1_000,
  /** Candidate reasons printed in one error's details. */
  reasonsMax: 100,
  /** Length of one Calico selector text, in characters (its own schema allows 1,024). */
  selectorCharsMax: 65_536,
  /** Parentheses inside one another in a Calico selector. */
  selectorDepthMax: 100,
} as const;
