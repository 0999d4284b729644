/**
 * Bodies of Spiderpool's agent API, read as its own server reads them (reference/spiderpool.md 8.1): a
 * required field may be empty but not absent, and of several faults the first in the order of the
 * alphabet is told. Unknown fields are passed over.
 */

/** POST /v1/ipam/ip. */
export interface IpamAddArgs {
  readonly containerID: string;
  readonly ifName: string;
  readonly netNamespace: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUID: string;
  readonly defaultIPv4IPPool?: readonly string[];
  readonly defaultIPv6IPPool?: readonly string[];
  readonly cleanGateway?: boolean;
  readonly matchMasterSubnet?: boolean;
}

/** DELETE /v1/ipam/ip. */
export interface IpamDelArgs {
  readonly containerID: string;
  readonly ifName: string;
  readonly netNamespace?: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUID: string;
}

/** DELETE /v1/ipam/ips. */
export interface IpamBatchDelArgs {
  readonly containerID: string;
  readonly netNamespace?: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUID: string;
  readonly isReleaseConflictIPs?: boolean;
}

/** A body that its server would refuse before its handler sees it: HTTP status, own code, text. */
export class BindingError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

type FieldType = 'string' | 'bool' | '[]string';

interface Shape {
  /** The type's name and the parameter's, as they appear in its texts. */
  readonly type: string;
  readonly parameter: string;
  readonly fields: Readonly<Record<string, FieldType>>;
  readonly required: readonly string[];
}

const POD_FIELDS = {
  containerID: 'string',
  netNamespace: 'string',
  podName: 'string',
  podNamespace: 'string',
  podUID: 'string',
} as const;

const ADD: Shape = {
  type: 'IpamAddArgs',
  parameter: 'ipamAddArgs',
  fields: {
    ...POD_FIELDS,
    ifName: 'string',
    defaultIPv4IPPool: '[]string',
    defaultIPv6IPPool: '[]string',
    cleanGateway: 'bool',
    matchMasterSubnet: 'bool',
  },
  required: ['containerID', 'ifName', 'netNamespace', 'podName', 'podNamespace', 'podUID'],
};

const DEL: Shape = {
  type: 'IpamDelArgs',
  parameter: 'ipamDelArgs',
  fields: { ...POD_FIELDS, ifName: 'string' },
  required: ['containerID', 'ifName', 'podName', 'podNamespace', 'podUID'],
};

const BATCH_DEL: Shape = {
  type: 'IpamBatchDelArgs',
  parameter: 'ipamBatchDelArgs',
  fields: { ...POD_FIELDS, isReleaseConflictIPs: 'bool' },
  required: ['containerID', 'podName', 'podNamespace', 'podUID'],
};

/** Reads the body of POST /v1/ipam/ip. Throws BindingError. */
export function readAddArgs(body: unknown): IpamAddArgs {
  return read<IpamAddArgs>(ADD, body);
}

/** Reads the body of DELETE /v1/ipam/ip. Throws BindingError. */
export function readDelArgs(body: unknown): IpamDelArgs {
  return read<IpamDelArgs>(DEL, body);
}

/** Reads the body of DELETE /v1/ipam/ips. Throws BindingError. */
export function readBatchDelArgs(body: unknown): IpamBatchDelArgs {
  return read<IpamBatchDelArgs>(BATCH_DEL, body);
}

/** What its server says of a value that is not there; 602 is its code for it. */
export function missing(name: string, place: 'body' | 'query'): BindingError {
  return new BindingError(422, 602, `${name} in ${place} is required`);
}

/** What its server says of a body that it cannot read. */
export function unreadable(parameter: string, reason: string): BindingError {
  return new BindingError(400, 400, `parsing ${parameter} body from "" failed, because ${reason}`);
}

function read<T>(shape: Shape, body: unknown): T {
  if (body === undefined || body === null) {
    throw missing(shape.parameter, 'body');
  }
  if (typeof body !== 'object' || Array.isArray(body)) {
    throw mismatch(shape, body, 'value', `models.${shape.type}`);
  }
  const given = body as Readonly<Record<string, unknown>>;
  const values: Record<string, unknown> = {};
  for (const [name, type] of Object.entries(shape.fields)) {
    const value = given[name];
    if (value !== undefined && value !== null) {
      requireType(shape, name, type, value);
      values[name] = value;
    }
  }
  for (const name of shape.required) {
    if (values[name] === undefined) {
      throw missing(name, 'body');
    }
  }
  return values as T;
}

function requireType(shape: Shape, name: string, type: FieldType, value: unknown): void {
  const field = `struct field ${shape.type}.${name}`;
  if (type === '[]string') {
    if (!Array.isArray(value)) {
      throw mismatch(shape, value, field, type);
    }
    const wrong = value.find((item) => typeof item !== 'string');
    if (wrong !== undefined) {
      throw mismatch(shape, wrong, field, 'string');
    }
  } else if (typeof value !== (type === 'bool' ? 'boolean' : type)) {
    throw mismatch(shape, value, field, type);
  }
}

function mismatch(shape: Shape, value: unknown, field: string, wanted: string): BindingError {
  const reason = `json: cannot unmarshal ${jsonType(value)} into Go ${field} of type ${wanted}`;
  return unreadable(shape.parameter, reason);
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) {
    return 'array';
  }
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
