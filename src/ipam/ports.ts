/**
 * What the use-cases need from outside: a ledger, a view of the cluster, a clock. The embedded and the
 * Kubernetes side implement these; nothing here knows either.
 */
import type { ObjectView, PodView } from '../choose/subject.ts';
import type { Pool } from '../dialect/pool.ts';
import type { SpiderpoolConf } from '../dialect/spiderpool-conf.ts';
import type { Address, Family } from '../net/address.ts';
import type { Cidr } from '../net/cidr.ts';
import type { RangeSet } from '../net/range-set.ts';

/** The CNI key of one interface of one container: what ADD, CHECK and DEL name (CNI 1.1, "Attachment"). */
export interface Attachment {
  /** `name` of the network config. */
  readonly network: string;
  /** Of a claim: as the ledger names the container (`Ledger.containerRef`). */
  readonly containerId: string;
  /** Empty for an interface claimed ahead whose name is not known yet (`ippools` without names). */
  readonly interfaceName: string;
}

/** Who an address is for. All three are empty where the caller names no pod (podman, cnitool). */
export interface Owner {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
}

/** A slot that is held. */
export interface Claim {
  readonly state: 'claimed';
  readonly address: Address;
  readonly pool: string;
  readonly node: string;
  readonly owner: Owner;
  readonly attachment: Attachment;
  /** Claimed by the ADD of another interface of the same container and not yet asked for (rule 8). */
  readonly ahead: boolean;
  /**
   * True while the claim waits for the next sandbox of its pod: the last one was deleted, the pod lives
   * (rule 6). Absent otherwise, and always on the embedded default.
   */
  readonly kept?: true;
  /**
   * True where its interface was given an address of the other family with it, so that alone it is half of what
   * was claimed. Written by a ledger whose commits may land in parts (I5); absent otherwise.
   */
  readonly dual?: true;
  /** Position of the interface in the pod's `ippools`, 0-based; 0 where there is only one. */
  readonly order: number;
  /** When the address was first given to this owner, milliseconds since the epoch. */
  readonly claimedAt: number;
  /** Fresh with every write of the line (rule 1). */
  readonly nonce: string;
}

/** A slot that was released and is not given again before `until`, unless nothing else is free (I8). */
export interface Resting {
  readonly state: 'resting';
  readonly address: Address;
  /** The pool and owner that had it last. */
  readonly pool: string;
  readonly owner: Owner;
  /** Milliseconds since the epoch. */
  readonly releasedAt: number;
  /** Milliseconds since the epoch, exclusive: at this time the address is free again. */
  readonly until: number;
  readonly nonce: string;
}

/** What the ledger keeps for one address. */
export type Line = Claim | Resting;

/**
 * One write of one slot. It lands only while the slot still holds what was read: `was` is compared by its
 * nonce, or by absence where undefined (rule 2).
 */
export interface SlotWrite {
  readonly was: Line | undefined;
  readonly now: Line;
}

/**
 * Who owns an affinity unit: the aligned network of `blockSize` of a Calico pool (DESIGN section 3). It
 * decides which addresses a node prefers, never whether an address is given twice. A unit that nobody ever
 * owned has none of these.
 */
export interface Unit {
  readonly cidr: Cidr;
  readonly node: string;
  /** Milliseconds since the epoch. */
  readonly claimedAt: number;
  /** Fresh with every change of the owner. */
  readonly nonce: string;
}

/**
 * A change of a unit's owner. It lands only while the unit still is as it was read: `was` is compared by its
 * nonce, or by absence where undefined. `now` has the same network. Where both have one nonce nothing is written:
 * the commit lands only while the unit is so.
 */
export interface UnitWrite {
  readonly was: Unit | undefined;
  readonly now: Unit;
  /**
   * It lands only while nobody has claimed an address of the unit but the same commit. A ledger that others write to
   * makes sure of it for the unit's first block.
   */
  readonly vacant?: true;
}

/** A slot that held something else than what was read, and what it holds. */
export interface SlotConflict {
  readonly address: Address;
  readonly now: Line | undefined;
}

/** A unit that was owned otherwise than was read, and its owner. */
export interface UnitConflict {
  readonly cidr: Cidr;
  readonly now: Unit | undefined;
}

/** Of a commit: it is durable, or somebody else was faster and nothing of it landed. */
export type CommitOutcome =
  | { readonly kind: 'durable' }
  | {
      readonly kind: 'lost';
      readonly conflicts: readonly SlotConflict[];
      readonly units: readonly UnitConflict[];
    };

/** The state of one block of 64 aligned addresses, for filling the engine. */
export interface BlockState {
  /** The block's first address; its last six bits are zero. */
  readonly first: Address;
  /** Bit i set: slot i is claimed. Two unsigned 32-bit words. */
  readonly usedLow: number;
  readonly usedHigh: number;
  /** Slots at rest and the time, in milliseconds since the epoch, at which each is free again. */
  readonly resting: readonly { readonly slot: number; readonly until: number }[];
}

/**
 * A ledger that agents of other nodes write to as well: what is read of it is what was last seen, and may be
 * old. A write that was decided on old news is lost, and then the news is there.
 */
export interface SharedLedger {
  /**
   * Reads anew the blocks that these addresses lie in, once for all who ask, and no more often than every
   * LIMITS.freshReadMs (rule 11). For `recent` a read serves that began so long ago or less, for `new` one that
   * begins after the call. Resolves to which of them it was, when reads of the ledger show it. Rejects with
   * API_SERVER_AWAY, by `deadline` (milliseconds since the epoch) at the latest.
   */
  refresh(
    addresses: readonly RangeSet[],
    deadline: number,
    least: Exclude<Sight, 'old'>,
  ): Promise<Exclude<Sight, 'old'>>;
  /**
   * Reads these blocks, known or not, but for those at which it was looked so LIMITS.lookAheadMs ago or less. Resolves
   * when reads of the ledger show them, and without that where the server does not answer, at `deadline`
   * (milliseconds since the epoch) at the latest: it is only to lose fewer races.
   */
  lookAt(blocks: readonly Address[], deadline: number): Promise<void>;
}

/**
 * How much what is seen of a shared ledger is worth to a call. `old`: it was not read for this call. `recent`: it was
 * read about when the call came, and an address may be taken out of its rest, or a unit from its owner. `new`: it was
 * read since the call last knew of something to try, and the call may be refused.
 */
export type Sight = 'old' | 'recent' | 'new';

/** The truth about who holds which address (I2). Reads are synchronous and see everything durable. */
export interface Ledger {
  /**
   * Undefined where nobody else writes, as on one machine: then every read is the latest there is. Otherwise
   * searches of different nodes begin at different places, and nothing is refused for being taken before it was
   * read anew.
   */
  readonly shared: SharedLedger | undefined;
  /**
   * All writes land together or none does; a unit's owner is written no later than the slots. A write whose
   * own nonce is there already counts as landed, so several calls may carry the same write of a unit. Resolves
   * when the outcome is durable (I3); concurrent calls share one flush. A call that is lost or fails does not
   * affect the others of its group.
   *
   * Rejects with STORE_FAILURE when durability could not be reached; then no slot of the call was kept. A unit
   * may stay with its new owner, as one that is empty. A ledger across a network may also reject with
   * API_SERVER_AWAY where it is refused, and with an UnsettledError: what it says about slots holds once its
   * outcome stands.
   */
  commit(writes: readonly SlotWrite[], units?: readonly UnitWrite[]): Promise<CommitOutcome>;
  /**
   * A container as the lines of this ledger name it: by its id, or, where lines must be short, by a digest of it.
   * The name of a name is itself, so that names are looked up and compared as ids are.
   */
  containerRef(containerId: string): string;
  /** The line of an address, or undefined where the slot was never written. */
  line(address: Address): Line | undefined;
  /** Claims of one container, by id or name, in one network, all interfaces, ordered by `order` then address. */
  claimsOfContainer(network: string, containerId: string): Claim[];
  /** Claims of a pod by name, of any uid, network and container, ordered as above. */
  claimsOfPod(namespace: string, pod: string): Claim[];
  /** Claims of one network on one node, in address order, for CNI GC. */
  claimsOfNetwork(network: string, node: string): Iterable<Claim>;
  /** Claims of one pool in address order; `limit` bounds the count. */
  claimsOfPool(pool: string, limit?: number): Claim[];
  /** Every claim in address order, for tables and projections. */
  claims(): Iterable<Claim>;
  /** Every block that has a line, in address order. */
  blocks(): Iterable<BlockState>;
  /** Lines that rest, expired ones included, in address order. */
  resting(): Iterable<Resting>;
  /** The owner of an affinity unit, or undefined where nobody owns it. */
  unit(cidr: Cidr): Unit | undefined;
  /** Owned units of any size whose first address lies in the network, in address order. */
  units(within: Cidr): Iterable<Unit>;
}

/** The pools, reserved addresses, configuration and objects as they are now. */
export interface Cluster {
  /** Grows by one with every change of a pool, reservation or the configuration. */
  readonly poolGeneration: number;
  /** True on the embedded default: a pod that was not applied is served as an owner without labels. */
  readonly servesUnknownPods: boolean;
  /**
   * True on the embedded default: one agent serves the pods of several nodes, each as its own node's. Where false, the
   * runtime that calls is the one of the pod's node, so a pod of another node tells that the agent has a wrong name.
   */
  readonly servesOtherNodes: boolean;
  /** False on the embedded default: DEL frees, also while the pod lives (rule 6). */
  readonly keepsForLivePods: boolean;
  pools(): readonly Pool[];
  /** Addresses that no automatic claim may take: SpiderReservedIP and IPReservation. */
  reserved(family: Family): RangeSet;
  conf(): SpiderpoolConf;
  /**
   * The pod, or undefined where none of that name is known. `fresh` asks the source, not the cache (rule 7).
   */
  pod(namespace: string, name: string, options?: { fresh?: boolean }): Promise<PodView | undefined>;
  namespace(name: string): ObjectView;
  node(name: string): ObjectView;
}

/** Time that never goes back within a process. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}
