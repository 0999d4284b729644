/**
 * ADD: the same address for the same attachment or for the same pod's next container, else a new one.
 *
 *     head of queue ── gone? late? ── pod ── standing claim? ── yes ── re-stamp, commit ── answer
 *                                                    └─ no ── choose, hold, commit ─────── answer
 *     lost a race, or nothing left by what was last seen: once more from "gone? late?"
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Choice, InterfaceChoice } from '../choose/choice.ts';
import { choose } from '../choose/choose.ts';
import { emptyRuleError } from '../choose/messages.ts';
import { requestedByFamily } from '../choose/requested-address.ts';
import { equalAddresses, formatAddress } from '../net/address.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { Held } from './allocator.ts';
import { answerOf } from './answer.ts';
import type { Hold } from './holds.ts';
import { unkept } from './kept.ts';
import { lookAhead } from './look-ahead.ts';
import type { Parts } from './parts.ts';
import type { Claim, Owner, Sight, SlotWrite } from './ports.ts';
import { release } from './release.ts';
import type { Call } from './request.ts';
import type { AddResult } from './result.ts';
import { isHalf, type Standing, standingClaims } from './standing.ts';
import { type Resolved, resolveSubject } from './subject-of-call.ts';
import { onceSettled } from './unsettled.ts';

/**
 * Serves one ADD; the caller holds the queues of its pod and container. Resolves when the claims are durable
 * (I3). Rejects with CALLER_GONE, DEADLINE_EXCEEDED, what `resolveSubject` and `choose` throw,
 * UNSUPPORTED_REQUEST, ADDRESSES_EXHAUSTED, ADDRESS_TAKEN or STORE_FAILURE; then nothing new is held (I5).
 */
export async function add(parts: Parts, call: Call): Promise<AddResult> {
  refuseUnheard(parts, call);
  const resolved = await resolveSubject(parts, call);
  let sight: Sight = 'old';
  let races = 0;
  for (;;) {
    refuseUnheard(parts, call);
    const standing = standingClaims(parts.ledger, call.attachment, resolved);
    if (standing !== undefined && isHalf(standing)) {
      await release(parts, standing.given);
      continue;
    }
    if (standing !== undefined) {
      const result = await restamp(parts, call, resolved, standing);
      if (result !== undefined) {
        return result;
      }
      continue;
    }
    const step = await claimNew(parts, call, resolved, sight);
    if ('result' in step) {
      return step.result;
    }
    sight = step.again;
    if (step.lost !== undefined) {
      races += 1;
      await lookAhead(parts, { hold: step.lost, races, deadline: call.deadline });
    }
  }
}

/** An answer, or a reason to begin again: what is seen of the ledger then, and what was lost in a race. */
type Step = { readonly result: AddResult } | { readonly again: Sight; readonly lost?: Hold };

/** Rule 3: an ADD whose plugin has hung up is not started, nor one that is past its deadline. */
function refuseUnheard(parts: Parts, call: Call): void {
  if (call.gone()) {
    throw new OrbweaverError('CALLER_GONE', 'the plugin hung up before its ADD was started');
  }
  if (parts.clock.now() > call.deadline) {
    throw new OrbweaverError(
      'DEADLINE_EXCEEDED',
      'the ADD waited past its deadline behind others of its pod',
    );
  }
}

/**
 * Rules 4 and 5: the standing claims are written again under this attachment, because a read alone does not
 * prove that nothing older is still on its way. Undefined when a line changed meanwhile.
 */
async function restamp(
  parts: Parts,
  call: Call,
  resolved: Resolved,
  standing: Standing,
): Promise<AddResult | undefined> {
  refuseOtherAddress(call, standing);
  const given = standing.given.map(
    (claim): Claim => ({
      ...unkept(claim),
      owner: presentOwner(claim.owner, resolved.owner),
      attachment: call.attachment,
      node: resolved.node,
      ahead: false,
      nonce: parts.nonce(),
    }),
  );
  const moved = standing.ahead.map(
    (claim): Claim => ({
      ...unkept(claim),
      owner: presentOwner(claim.owner, resolved.owner),
      attachment: { ...claim.attachment, containerId: call.attachment.containerId },
      node: resolved.node,
      nonce: parts.nonce(),
    }),
  );
  const before = [...standing.given, ...standing.ahead];
  const writes = [...given, ...moved].map(
    (now, at): SlotWrite => ({ was: before[at] as Claim, now }),
  );
  const outcome = await parts.ledger.commit(writes);
  if (outcome.kind === 'lost') {
    parts.allocator.learn(before.map((claim) => claim.address));
    return undefined;
  }
  return answerOf(parts, resolved.subject, given);
}

/** An address asked for by number is honoured or refused, never dropped for the one that stands. */
function refuseOtherAddress({ wishes, attachment }: Call, { given }: Standing): void {
  for (const { address, road } of requestedByFamily(wishes).values()) {
    if (!given.some((claim) => equalAddresses(claim.address, address))) {
      const held = given.map((claim) => formatAddress(claim.address)).join(' and ');
      throw new OrbweaverError(
        'UNSUPPORTED_REQUEST',
        `${road} asks for ${formatAddress(address)} on NIC ${attachment.interfaceName}, ` +
          `which was given ${held} by an earlier ADD of this pod`,
      );
    }
  }
}

/** A pod that comes again has another uid, which its DEL will state. */
function presentOwner(before: Owner, now: Owner): Owner {
  const same = before.namespace === now.namespace && before.pod === now.pod;
  return same && now.uid !== '' ? now : before;
}

/**
 * Claims every interface that the pod's source lists and that no claim stands for. To be begun again when a race was
 * lost, or when nothing was left by what is seen. Throws NO_POOL_AVAILABLE where a list of interfaces without names is
 * used up.
 */
async function claimNew(parts: Parts, call: Call, resolved: Resolved, sight: Sight): Promise<Step> {
  const held = holdSlots(parts, call, resolved, sight);
  if (held.kind === 'unsure') {
    return { again: await looked(parts, held.addresses, call, sight) };
  }
  const { hold, choice } = held;
  if (hold.slots.length === 0) {
    const reasons = [
      `the rule is: ${choice.source}`,
      'every interface it lists is claimed already',
    ];
    throw emptyRuleError(call.attachment.interfaceName, reasons);
  }
  const claims = claimsOf(parts, call, resolved, hold, choice);
  const commit = parts.ledger.commit(
    hold.slots.map((slot, at) => ({ was: slot.was, now: claims[at] as Claim })),
    [...hold.units.map(({ write }) => write), ...hold.conditions],
  );
  const outcome = await onceSettled(commit, () => parts.allocator.settle(hold));
  if (outcome.kind === 'lost') {
    parts.allocator.lose(
      outcome.conflicts.flatMap(({ address, now }) => (now?.state === 'claimed' ? [address] : [])),
    );
    return { again: sight === 'new' ? 'recent' : sight, lost: hold };
  }
  if (!poolsHave(parts, hold)) {
    await release(parts, claims);
    return { again: sight };
  }
  const given = claims.filter((claim) => !claim.ahead);
  return { result: answerOf(parts, resolved.subject, given, choice) };
}

/** Rule 11: what others write is read anew before the ADD is refused, or takes an address out of its rest. */
function looked(
  { ledger: { shared } }: Parts,
  addresses: readonly RangeSet[],
  { deadline }: Call,
  sight: Sight,
): Sight | Promise<Sight> {
  return shared?.refresh(addresses, deadline, sight === 'old' ? 'recent' : 'new') ?? 'new';
}

function holdSlots(parts: Parts, call: Call, resolved: Resolved, sight: Sight): Held {
  const { interfaceName } = call.attachment;
  const claimed = claimedInterfaces(parts, call);
  return parts.allocator.hold(
    (catalog) => choose(catalog, parts.cluster.conf(), resolved.subject),
    // The one asked for has no claim in this network, whatever the container has in others.
    (item) =>
      item.name === interfaceName || !claimed.has(item.name === '' ? item.order : item.name),
    { node: resolved.node, nonce: parts.nonce, sight },
  );
}

/**
 * Whether the pools still have the slots. An edit or a deletion that was on its way when they were chosen
 * did not see these claims, so its rules let it through.
 */
function poolsHave(parts: Parts, hold: Hold): boolean {
  return parts.allocator.withCatalog((catalog) =>
    hold.slots.every(({ address, pool }) =>
      catalog.byName(pool.dialect, pool.name)?.ranges.has(address),
    ),
  );
}

/** Interfaces of this container that are claimed already, by name, or by position where they have none. */
function claimedInterfaces(parts: Parts, call: Call): Set<string | number> {
  const { namespace, pod } = call.args;
  const claims = pod === '' || namespace === '' ? [] : parts.ledger.claimsOfPod(namespace, pod);
  return new Set(
    claims
      .filter((claim) => claim.attachment.containerId === call.attachment.containerId)
      .flatMap((claim) => [claim.attachment.interfaceName, claim.order])
      .filter((key) => key !== ''),
  );
}

function claimsOf(
  parts: Parts,
  call: Call,
  resolved: Resolved,
  hold: Hold,
  choice: Choice,
): Claim[] {
  const asked = askedInterface(call, hold, choice);
  const now = parts.clock.now();
  return hold.slots.map((slot) => {
    const mine = slot.interface === asked;
    return {
      state: 'claimed',
      address: slot.address,
      pool: slot.pool.name,
      node: resolved.node,
      owner: resolved.owner,
      attachment: mine
        ? call.attachment
        : { ...call.attachment, interfaceName: slot.interface.name },
      ahead: !mine,
      order: slot.interface.order,
      claimedAt: now,
      nonce: parts.nonce(),
    };
  });
}

/** The item this ADD is for: the one of its name, or the first of those without a name (spiderpool.md 3.5). */
function askedInterface(call: Call, hold: Hold, choice: Choice): InterfaceChoice | undefined {
  return (
    choice.interfaces.find((item) => item.name === call.attachment.interfaceName) ??
    hold.slots[0]?.interface
  );
}
