/**
 * The network config on the plugin's stdin: the whole config of the upper plugin, of which an IPAM plugin
 * reads its own section, the version, the name and the runtime's additions (reference/cni.md section 2).
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { shown } from '../catalogue/shown.ts';
import type { CalledAs, CallWishes } from '../choose/subject.ts';
import type { Address } from '../net/address.ts';
import { parseAddress } from '../net/address.ts';
import { parseCidr } from '../net/cidr.ts';

/** An address of `prevResult`, bare. */
export interface PreviousAddress {
  readonly address: Address;
  readonly text: string;
}

/** One entry of `cni.dev/valid-attachments`. */
export interface ValidAttachment {
  readonly containerId: string;
  readonly interfaceName: string;
}

export interface NetworkConfig {
  readonly cniVersion: string | undefined;
  readonly name: string;
  /** What the config and the runtime ask for; `ipArgument` is `IP=` of CNI_ARGS. */
  wishes(calledAs: CalledAs, ipArgument: string): CallWishes;
  /** Addresses of `prevResult`, or undefined where there is none. Throws CONFIG_INVALID. */
  previousAddresses(): readonly PreviousAddress[] | undefined;
  /** The list that GC keeps; undefined where the key is absent or null (X01). Throws CONFIG_INVALID. */
  validAttachments(): readonly ValidAttachment[] | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/** CNI SPEC 1.1, section 1: the name's pattern is the container id's. */
const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** Reads the config. Throws DECODE_FAILURE for text that is no JSON object, CONFIG_INVALID for a wrong field. */
export function readNetworkConfig(text: string): NetworkConfig {
  const config = parseObject(text);
  const cniVersion = optional(config, 'cniVersion', isString, 'a string');
  const name = config.name;
  if (name === undefined) {
    throw new OrbweaverError('CONFIG_INVALID', 'missing network name: field "name" of the config');
  }
  if (!isString(name) || !NETWORK_NAME.test(name)) {
    throw new OrbweaverError(
      'CONFIG_INVALID',
      `invalid network name: field "name" is ${shown(name)}`,
    );
  }
  return {
    cniVersion,
    name,
    wishes: (calledAs, ipArgument) => readWishes(config, calledAs, ipArgument),
    previousAddresses: () => readPrevious(config),
    validAttachments: () => readValidAttachments(config),
  };
}

function parseObject(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OrbweaverError(
      'DECODE_FAILURE',
      `the network config on stdin is not valid JSON: ${(error as Error).message.slice(0, 200)}`,
    );
  }
  if (!isObject(value)) {
    throw new OrbweaverError(
      'DECODE_FAILURE',
      `the network config on stdin is not a JSON object but ${shown(value)}`,
    );
  }
  return value;
}

function readWishes(config: Json, calledAs: CalledAs, ipArgument: string): CallWishes {
  const ipam = optional(config, 'ipam', isObject, 'an object') ?? {};
  if (ipam.match_master_subnet === true) {
    throw new OrbweaverError(
      'UNSUPPORTED_REQUEST',
      'ipam.match_master_subnet: true is not supported',
      'it needs the physical function behind an SR-IOV interface; remove the key',
    );
  }
  return {
    ipv4Pools: readPools(ipam, calledAs, ['default_ipv4_ippool', 'ipv4_pools']),
    ipv6Pools: readPools(ipam, calledAs, ['default_ipv6_ippool', 'ipv6_pools']),
    cleanGateway: optional(ipam, 'clean_gateway', isBoolean, 'true or false', 'ipam.') ?? false,
    assignIpv4: readFlag(ipam, 'assign_ipv4'),
    assignIpv6: readFlag(ipam, 'assign_ipv6'),
    addresses: readRequested(config, ipArgument),
  };
}

/**
 * A family's list of pools: Spiderpool's key, else Calico's. Under the name of one of them only its own key
 * is read, as the original does.
 */
function readPools(
  ipam: Json,
  calledAs: CalledAs,
  [spiderpool, calico]: readonly [string, string],
): readonly string[] | undefined {
  const read = (key: string) => optional(ipam, key, isStrings, 'a list of strings', 'ipam.');
  switch (calledAs) {
    case 'spiderpool':
      return read(spiderpool);
    case 'calico-ipam':
      return read(calico);
    case 'orbweaver':
      return read(spiderpool) ?? read(calico);
  }
}

/** Calico writes these as the strings "true" and "false" (reference/calico.md 2.1); a boolean is taken too. */
function readFlag(ipam: Json, key: string): boolean | undefined {
  const value = ipam[key];
  if (value === undefined || isBoolean(value)) {
    return value;
  }
  if (value === 'true' || value === 'false') {
    return value === 'true';
  }
  throw wrong(`ipam.${key}`, 'true or false', value);
}

/**
 * Addresses asked for by number come by three roads. `args.cni.ips` overrides `IP=` of CNI_ARGS
 * (CONVENTIONS.md of the CNI project); `runtimeConfig.ips` comes first.
 */
function readRequested(config: Json, ipArgument: string): CallWishes['addresses'] {
  const runtime = optional(config, 'runtimeConfig', isObject, 'an object') ?? {};
  const fromRuntime = optional(runtime, 'ips', isStrings, 'a list of strings', 'runtimeConfig.');
  if (fromRuntime !== undefined && fromRuntime.length > 0) {
    return fromRuntime.map((text) => readWanted(text, 'runtimeConfig.ips'));
  }
  const args = optional(config, 'args', isObject, 'an object') ?? {};
  const cni = optional(args, 'cni', isObject, 'an object', 'args.') ?? {};
  const fromArgs = optional(cni, 'ips', isStrings, 'a list of strings', 'args.cni.');
  if (fromArgs !== undefined && fromArgs.length > 0) {
    return fromArgs.map((text) => readWanted(text, 'args.cni.ips'));
  }
  return ipArgument === ''
    ? []
    : ipArgument.split(',').map((text) => readWanted(text, 'CNI_ARGS IP'));
}

function readWanted(text: string, road: string): { address: Address; road: string } {
  const address = parseAddress(text) ?? parseCidr(text)?.address;
  if (address === undefined) {
    throw wrong(road, 'an IP address, with or without a prefix length', text);
  }
  return { address, road };
}

function readPrevious(config: Json): readonly PreviousAddress[] | undefined {
  const previous = config.prevResult;
  if (previous === undefined || previous === null) {
    return undefined;
  }
  if (!isObject(previous)) {
    throw wrong('prevResult', 'an object', previous);
  }
  const texts: unknown[] = [];
  const ips = previous.ips;
  if (ips !== undefined && !Array.isArray(ips)) {
    throw wrong('prevResult.ips', 'a list', ips);
  }
  for (const item of ips ?? []) {
    texts.push(isObject(item) ? item.address : item);
  }
  // Results before 0.3.0 keep one address per family under these keys.
  for (const key of ['ip4', 'ip6']) {
    const family = previous[key];
    if (isObject(family)) {
      texts.push(family.ip);
    }
  }
  return texts.map((text) => {
    const address = isString(text) ? (parseCidr(text)?.address ?? parseAddress(text)) : undefined;
    if (address === undefined) {
      throw wrong('prevResult.ips[].address', 'an IP address with a prefix length', text);
    }
    return { address, text: text as string };
  });
}

function readValidAttachments(config: Json): readonly ValidAttachment[] | undefined {
  const list = config['cni.dev/valid-attachments'] ?? config['cni.dev/attachments'];
  if (list === undefined || list === null) {
    return undefined;
  }
  if (!Array.isArray(list)) {
    throw wrong('cni.dev/valid-attachments', 'a list', list);
  }
  return list.map((item, at) => {
    if (!isObject(item) || !isString(item.containerID) || !isString(item.ifname)) {
      throw wrong(
        `cni.dev/valid-attachments[${at}]`,
        'an object with the strings containerID and ifname',
        item,
      );
    }
    return { containerId: item.containerID, interfaceName: item.ifname };
  });
}

function optional<T>(
  object: Json,
  key: string,
  is: (value: unknown) => value is T,
  expected: string,
  parent = '',
): T | undefined {
  const value = object[key];
  if (value === undefined || value === null) {
    return undefined;
  }
  if (!is(value)) {
    throw wrong(`${parent}${key}`, expected, value);
  }
  return value;
}

function wrong(field: string, expected: string, value: unknown): OrbweaverError {
  return new OrbweaverError(
    'CONFIG_INVALID',
    `${field}: expected ${expected}, got ${shown(value)}`,
  );
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}
