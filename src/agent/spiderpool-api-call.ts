/**
 * From the arguments of Spiderpool's agent API to a CNI call of the plugin `spiderpool`, and from its
 * answer to that API's bodies. So the use-cases see one kind of call, whichever plugin it comes from.
 *
 * The API does not name the network of a call. All of its calls count as one network, so a container
 * that was added through it must be deleted through it.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { shown } from '../catalogue/shown.ts';
import type { Subject } from '../choose/subject.ts';
import { answerOf } from '../ipam/answer.ts';
import type { Parts } from '../ipam/parts.ts';
import { poolOfClaim } from '../ipam/pool-of-claim.ts';
import type { Claim } from '../ipam/ports.ts';
import { readCall } from '../ipam/request.ts';
import type { AddResult } from '../ipam/result.ts';
import { resolveSubject } from '../ipam/subject-of-call.ts';
import { familyOf, formatAddress } from '../net/address.ts';
import { parseCidr } from '../net/cidr.ts';
import type { WordedCall } from './served-call.ts';
import type { IpamAddArgs, IpamDelArgs } from './spiderpool-api-args.ts';

/** `network` of every claim that was made through the API. */
export const API_NETWORK = 'spiderpool';

/** One address; members in the order in which its server writes them. */
export interface IpConfig {
  readonly address: string;
  readonly gateway?: string;
  readonly ipPool?: string;
  readonly nic: string;
  readonly version: 4 | 6;
  readonly vlan?: number;
}

export interface ApiRoute {
  readonly dst: string;
  readonly gw: string;
  readonly ifName: string;
}

/** 200 of POST /v1/ipam/ip. */
export interface IpamAddResponse {
  readonly ips: readonly IpConfig[];
  readonly routes: readonly ApiRoute[] | null;
}

/** What ADD prints for a config of version 1.0.0. */
interface CniResult {
  readonly ips: readonly { readonly address: string; readonly gateway?: string }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
}

/** The ADD that the plugin asks for. Throws ENVIRONMENT_INVALID. */
export function addCall(args: IpamAddArgs, gone: () => boolean): WordedCall {
  return wordedCall('ADD', args, gone, {
    default_ipv4_ippool: args.defaultIPv4IPPool,
    default_ipv6_ippool: args.defaultIPv6IPPool,
    clean_gateway: args.cleanGateway,
    match_master_subnet: args.matchMasterSubnet,
  });
}

/** The DEL that the plugin asks for. Throws ENVIRONMENT_INVALID. */
export function delCall(args: IpamDelArgs, gone: () => boolean): WordedCall {
  return wordedCall('DEL', args, gone, {});
}

function wordedCall(
  command: 'ADD' | 'DEL',
  args: IpamDelArgs,
  gone: () => boolean,
  ipam: object,
): WordedCall {
  const pod = {
    K8S_POD_NAMESPACE: args.podNamespace,
    K8S_POD_NAME: args.podName,
    K8S_POD_UID: args.podUID,
    K8S_POD_INFRA_CONTAINER_ID: args.containerID,
  };
  for (const [key, value] of Object.entries(pod)) {
    // It would end the pair, and what follows would be read as further arguments.
    if (value.includes(';')) {
      throw new OrbweaverError('ENVIRONMENT_INVALID', `${key} ${shown(value)} holds ";"`);
    }
  }
  const pairs = Object.entries(pod).map(([key, value]) => `${key}=${value}`);
  return {
    calledAs: 'spiderpool',
    command,
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: args.containerID,
      CNI_IFNAME: args.ifName,
      CNI_NETNS: args.netNamespace ?? '',
      CNI_ARGS: ['IgnoreUnknown=1', ...pairs].join(';'),
    },
    ownNetns: false,
    config: JSON.stringify({
      cniVersion: '1.0.0',
      name: API_NETWORK,
      ipam: { type: 'spiderpool', ...ipam },
    }),
    gone,
  };
}

/**
 * The body for an ADD that succeeded with `result`: its own interface first, then those that it
 * claimed ahead for the same pod, as Spiderpool's first answer lists all interfaces.
 */
export async function addResponse(
  parts: Parts,
  call: WordedCall,
  result: object | undefined,
): Promise<IpamAddResponse> {
  const own = result as CniResult;
  const nic = call.env.CNI_IFNAME!;
  const ips = own.ips.map(({ address, gateway }) => ipConfig(parts, nic, address, gateway));
  const routes = (own.routes ?? []).map(({ dst, gw }) => ({ dst, gw: gw ?? '', ifName: nic }));
  for (const [name, ahead] of await aheadOf(parts, call)) {
    for (const { address, prefix, gateway } of ahead.addresses) {
      const text = `${formatAddress(address)}/${prefix}`;
      const via = gateway === undefined ? undefined : formatAddress(gateway);
      ips.push(ipConfig(parts, name, text, via));
    }
    for (const { destination, gateway } of ahead.routes) {
      const gw = gateway === undefined ? '' : formatAddress(gateway);
      routes.push({ dst: destination, gw, ifName: name });
    }
  }
  return { ips, routes: routes.length === 0 ? null : routes };
}

/**
 * By interface name; one without a name goes by its position, as Spiderpool numbers it. None where the
 * pod can no longer be read: the plugin keeps only its own interface, and that has been claimed.
 */
async function aheadOf(parts: Parts, worded: WordedCall): Promise<Map<string, AddResult>> {
  const byName = new Map<string, Claim[]>();
  for (const claim of parts.ledger.claimsOfContainer(API_NETWORK, worded.env.CNI_CONTAINERID!)) {
    if (claim.ahead) {
      const name = claim.attachment.interfaceName || String(claim.order);
      byName.set(name, [...(byName.get(name) ?? []), claim]);
    }
  }
  const results = new Map<string, AddResult>();
  if (byName.size === 0) {
    return results;
  }
  const subject = await subjectOf(parts, worded);
  if (subject !== undefined) {
    for (const [name, claims] of byName) {
      const { interfaceName } = claims[0]!.attachment;
      results.set(name, answerOf(parts, { ...subject, interfaceName }, claims));
    }
  }
  return results;
}

async function subjectOf(parts: Parts, worded: WordedCall): Promise<Subject | undefined> {
  try {
    return (await resolveSubject(parts, readCall({ ...worded, deadline: 0 }))).subject;
  } catch (error) {
    if (!(error instanceof OrbweaverError)) {
      throw error;
    }
    return undefined;
  }
}

function ipConfig(
  parts: Parts,
  nic: string,
  address: string,
  gateway: string | undefined,
): IpConfig {
  const { address: number } = parseCidr(address)!;
  const line = parts.ledger.line(number);
  const claim = line?.state === 'claimed' ? line : undefined;
  const vlan = claim === undefined ? undefined : poolOfClaim(parts.allocator, claim)?.vlan;
  return {
    address,
    ...(gateway === undefined ? {} : { gateway }),
    ...(claim === undefined ? {} : { ipPool: claim.pool }),
    nic,
    version: familyOf(number),
    ...(vlan === undefined || vlan === 0 ? {} : { vlan }),
  };
}
