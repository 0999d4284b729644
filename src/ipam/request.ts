/**
 * A CNI call as it arrives from the plugin, and what is known of it after reading: environment, CNI_ARGS and
 * network config, checked and typed (reference/cni.md sections 1, 2 and 7).
 */

import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { shown } from '../catalogue/shown.ts';
import type { CalledAs, CallWishes } from '../choose/subject.ts';
import { type CniArgs, readCniArgs } from './cni-args.ts';
import { type CniVersion, readCniVersion, requireVerb } from './cni-version.ts';
import { type NetworkConfig, readNetworkConfig } from './network-config.ts';
import type { Attachment } from './ports.ts';

/** The body the plugin sends (cni/README.md), plus what only the server knows. */
export interface CniRequest {
  /** Basename the plugin was started by. */
  readonly calledAs: string;
  readonly command: string;
  /** The CNI_* variables that are set, verbatim. */
  readonly env: Readonly<Record<string, string>>;
  /** CNI_NETNS is the plugin's own network namespace. */
  readonly ownNetns: boolean;
  /** Stdin of the plugin, verbatim. */
  readonly config: string;
  /** True once the plugin has hung up (rule 3). */
  gone(): boolean;
  /** Milliseconds since the epoch; after it nobody waits for an answer. */
  readonly deadline: number;
}

export const VERBS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'] as const;
export type Verb = (typeof VERBS)[number];

/** A CNI call, read and checked. */
export interface Call {
  readonly verb: Verb;
  readonly calledAs: CalledAs;
  readonly version: CniVersion;
  /** Empty container id and interface for GC and STATUS, which name none. */
  readonly attachment: Attachment;
  readonly args: CniArgs;
  readonly config: NetworkConfig;
  /** Nothing for the verbs that choose no pool. */
  readonly wishes: CallWishes;
  gone(): boolean;
  readonly deadline: number;
}

const REQUIRED: Readonly<Record<Verb, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  GC: [],
  STATUS: [],
};

/** The verbs that look at pools. No other one may fail over wishes, least of all one that frees (X05). */
const CHOOSING: ReadonlySet<Verb> = new Set<Verb>(['ADD', 'STATUS']);
const NO_WISHES: CallWishes = {
  ipv4Pools: undefined,
  ipv6Pools: undefined,
  cleanGateway: false,
  assignIpv4: undefined,
  assignIpv6: undefined,
  addresses: [],
};

/** CNI SPEC 1.1, "Container ID". */
const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** Linux: at most 15 characters; the excluded ones are those the kernel refuses. */
const INTERFACE_CHARS_MAX = 15;
/**
 * Reads a call. Throws ENVIRONMENT_INVALID, DECODE_FAILURE, CONFIG_INVALID or CNI_VERSION_UNSUPPORTED; each
 * names the variable or field and its value.
 */
export function readCall(request: CniRequest): Call {
  const verb = readVerb(request.command);
  requireVariables(verb, request.env);
  const config = readNetworkConfig(request.config);
  const version = readCniVersion(config.cniVersion);
  requireVerb(version, verb);
  const attachment = readAttachment(verb, request.env, config.name);
  if (verb === 'ADD' && request.ownNetns) {
    throw new OrbweaverError(
      'ENVIRONMENT_INVALID',
      `CNI_NETNS ${shown(request.env.CNI_NETNS)} is the network namespace of the plugin itself`,
      'no address was claimed; set CNI_NETNS_OVERRIDE=1 if this is meant',
    );
  }
  const args = readCniArgs(request.env.CNI_ARGS ?? '', verb === 'ADD' ? 'strict' : 'tolerant');
  const calledAs = readCalledAs(request.calledAs);
  return {
    verb,
    calledAs,
    version,
    attachment,
    args,
    config,
    wishes: CHOOSING.has(verb) ? config.wishes(calledAs, args.ip) : NO_WISHES,
    gone: () => request.gone(),
    deadline: request.deadline,
  };
}

/** The dialect name a plugin is installed under; every other name counts as `orbweaver`. */
export function readCalledAs(name: string): CalledAs {
  return name === 'spiderpool' || name === 'calico-ipam' ? name : 'orbweaver';
}

function readVerb(command: string): Verb {
  const verb = VERBS.find((known) => known === command);
  if (verb === undefined) {
    throw new OrbweaverError('ENVIRONMENT_INVALID', `unknown CNI_COMMAND: ${shown(command)}`);
  }
  return verb;
}

function requireVariables(verb: Verb, env: Readonly<Record<string, string>>): void {
  const missing = REQUIRED[verb].filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) {
    throw new OrbweaverError(
      'ENVIRONMENT_INVALID',
      `required env variables [${missing.join(',')}] missing`,
    );
  }
}

function readAttachment(
  verb: Verb,
  env: Readonly<Record<string, string>>,
  network: string,
): Attachment {
  if (verb === 'GC' || verb === 'STATUS') {
    return { network, containerId: '', interfaceName: '' };
  }
  const containerId = env.CNI_CONTAINERID ?? '';
  if (!CONTAINER_ID.test(containerId)) {
    throw new OrbweaverError(
      'ENVIRONMENT_INVALID',
      `invalid characters in CNI_CONTAINERID ${shown(containerId)}`,
    );
  }
  if (containerId.length > LIMITS.containerIdCharsMax) {
    throw new OrbweaverError(
      'ENVIRONMENT_INVALID',
      `CNI_CONTAINERID ${shown(containerId)} is longer than ${LIMITS.containerIdCharsMax} characters`,
    );
  }
  const interfaceName = env.CNI_IFNAME ?? '';
  const fault = interfaceFault(interfaceName);
  if (fault !== undefined) {
    throw new OrbweaverError('ENVIRONMENT_INVALID', `CNI_IFNAME ${shown(interfaceName)} ${fault}`);
  }
  return { network, containerId, interfaceName };
}

function interfaceFault(name: string): string | undefined {
  if (name.length > INTERFACE_CHARS_MAX) {
    return `is longer than ${INTERFACE_CHARS_MAX} characters`;
  }
  if (name === '.' || name === '..') {
    return 'is not an interface name';
  }
  if (/[/:\s]/.test(name)) {
    return 'holds "/", ":" or white space';
  }
  return undefined;
}
