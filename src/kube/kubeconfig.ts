/**
 * How to reach an API server and who to be there: the current context of a kubeconfig, or the service account of
 * the pod. Field names are those of kubectl (`kubectl config view --raw`).
 *
 * The library's own reader is not used: it takes a token file only under a name of its own (`token-file`), with the
 * line feed at its end, and loads 50 MiB of models that nobody needs here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';
import { OrbweaverError } from '../catalogue/errors.ts';
import { parseValues } from '../dialect/manifest.ts';

/** PEM text, read when it is needed: files change under a running process. */
export type Pem = { readonly file: string } | { readonly base64: string };

export interface ClusterAccess {
  /** `https://HOST:PORT`, with a path where the server has one; no `/` at the end. */
  readonly server: string;
  readonly ca: Pem | undefined;
  /** What the server's certificate must name, where that is not the host of `server`. */
  readonly tlsServerName: string | undefined;
  readonly skipTlsVerify: boolean;
  readonly proxyUrl: string | undefined;
  readonly user: UserAccess;
}

export interface UserAccess {
  readonly name: string;
  readonly certificate: Pem | undefined;
  readonly key: Pem | undefined;
  readonly token: string | undefined;
  /** Wins over `token`. */
  readonly tokenFile: string | undefined;
  readonly basic: { readonly username: string; readonly password: string } | undefined;
  readonly impersonate: string | undefined;
  /** A program that prints an ExecCredential; as it is written in the file. */
  readonly exec: ExecProgram | undefined;
  /** Of an older kind (`oidc` …); as it is written in the file. */
  readonly authProvider: object | undefined;
}

export interface ExecProgram {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

type Json = Readonly<Record<string, unknown>>;

/** The current context of a kubeconfig. Throws KUBECONFIG_INVALID, naming file and field. */
export function readKubeconfig(file: string): ClusterAccess {
  const config = new Section(file, '', documentOf(file));
  const contextName = config.text('current-context');
  const context = config.entry('contexts', 'context', contextName);
  const cluster = config.entry('clusters', 'cluster', context.text('cluster'));
  const user = config.entry('users', 'user', context.text('user'));
  return {
    server: serverOf(cluster),
    ca: cluster.pem('certificate-authority'),
    tlsServerName: cluster.optionalText('tls-server-name'),
    skipTlsVerify: cluster.value('insecure-skip-tls-verify') === true,
    proxyUrl: cluster.optionalText('proxy-url'),
    user: userOf(user, context.text('user')),
  };
}

/** The service account of the pod that this process runs in. Throws KUBECONFIG_INVALID outside of one. */
export function serviceAccount(
  environment: NodeJS.ProcessEnv = process.env,
  folder: string = SERVICE_ACCOUNT,
): ClusterAccess {
  const host = environment.KUBERNETES_SERVICE_HOST ?? '';
  const port = environment.KUBERNETES_SERVICE_PORT ?? '';
  const tokenFile = join(folder, 'token');
  for (const [name, value] of Object.entries({
    KUBERNETES_SERVICE_HOST: host,
    KUBERNETES_SERVICE_PORT: port,
  })) {
    if (value === '') {
      throw fault(`not in a pod of a cluster: the variable ${name} is not set`);
    }
  }
  if (!existsSync(tokenFile)) {
    throw fault(`not in a pod with a service account: ${tokenFile} does not exist`);
  }
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    ca: { file: join(folder, 'ca.crt') },
    tlsServerName: undefined,
    skipTlsVerify: false,
    proxyUrl: undefined,
    user: {
      name: 'service account',
      certificate: undefined,
      key: undefined,
      token: undefined,
      tokenFile,
      basic: undefined,
      impersonate: undefined,
      exec: undefined,
      authProvider: undefined,
    },
  };
}

function documentOf(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw fault(`cannot read ${file}: ${(error as Error).message}`);
  }
  try {
    const [document, ...more] = parseValues(text, file);
    if (document === undefined || more.length > 0) {
      throw fault(`${file}: expected one document, got ${more.length === 0 ? 'none' : 'several'}`);
    }
    return document;
  } catch (error) {
    throw error instanceof OrbweaverError && error.code !== 'KUBECONFIG_INVALID'
      ? fault(error.message)
      : error;
  }
}

function serverOf(cluster: Section): string {
  const text = cluster.text('server');
  const server = URL.canParse(text) ? new URL(text) : undefined;
  if (server === undefined || !/^https?:$/.test(server.protocol)) {
    throw cluster.fault('server', `expected a URL of https, got ${JSON.stringify(text)}`);
  }
  return text.replace(/\/+$/, '');
}

function userOf(user: Section, name: string): UserAccess {
  const username = user.optionalText('username');
  const exec = user.section('exec');
  const authProvider = user.section('auth-provider');
  return {
    name,
    certificate: user.pem('client-certificate'),
    key: user.pem('client-key'),
    token: user.optionalText('token'),
    tokenFile: user.path('tokenFile'),
    basic:
      username === undefined
        ? undefined
        : { username, password: user.optionalText('password') ?? '' },
    impersonate: user.optionalText('as'),
    exec: exec === undefined ? undefined : execOf(exec),
    authProvider: authProvider?.object,
  };
}

function execOf(exec: Section): ExecProgram {
  const command = exec.text('command');
  return {
    apiVersion: exec.text('apiVersion'),
    // As kubectl has it: a bare word is looked for in PATH, anything else is relative to the file.
    command: command.includes('/') ? exec.path('command')! : command,
    args: exec.list('args').map((arg) => String(arg)),
    env: exec.list('env').map((item) => {
      const { name, value } = item as { name?: unknown; value?: unknown };
      return { name: String(name), value: String(value ?? '') };
    }),
  };
}

/** A map of the file, and where it stands. */
class Section {
  readonly #file: string;
  readonly #path: string;
  readonly object: Json;

  constructor(file: string, path: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw fault(`${file}: ${path === '' ? '' : `${path}: `}expected a map`);
    }
    this.#file = file;
    this.#path = path;
    this.object = value as Json;
  }

  value(field: string): unknown {
    return this.object[field] ?? undefined;
  }

  optionalText(field: string): string | undefined {
    const value = this.value(field);
    if (value !== undefined && typeof value !== 'string') {
      throw this.fault(field, 'expected a string');
    }
    return value === '' ? undefined : value;
  }

  text(field: string): string {
    const text = this.optionalText(field);
    if (text === undefined) {
      throw this.fault(field, 'not set');
    }
    return text;
  }

  list(field: string): readonly unknown[] {
    const value = this.value(field) ?? [];
    if (!Array.isArray(value)) {
      throw this.fault(field, 'expected a list');
    }
    return value;
  }

  section(field: string): Section | undefined {
    const value = this.value(field);
    return value === undefined ? undefined : new Section(this.#file, this.#at(field), value);
  }

  /** An entry of a list of `{name, [inner]}`. */
  entry(field: string, inner: string, name: string): Section {
    const found = this.list(field).find((item) => (item as Json | null)?.name === name);
    if (found === undefined) {
      throw this.fault(field, `has no entry of the name ${JSON.stringify(name)}`);
    }
    const path = `${field}[${name}].${inner}`;
    return new Section(this.#file, path, (found as Json)[inner] ?? {});
  }

  /** A path, relative to the file. */
  path(field: string): string | undefined {
    const text = this.optionalText(field);
    return text === undefined || isAbsolute(text) ? text : join(dirname(this.#file), text);
  }

  /** PEM by `field` (a path) or, before it, `field-data` (base64). */
  pem(field: string): Pem | undefined {
    const base64 = this.optionalText(`${field}-data`);
    const file = this.path(field);
    return base64 !== undefined ? { base64 } : file !== undefined ? { file } : undefined;
  }

  fault(field: string, detail: string): OrbweaverError {
    return fault(`${this.#file}: ${this.#at(field)}: ${detail}`);
  }

  #at(field: string): string {
    return this.#path === '' ? field : `${this.#path}.${field}`;
  }
}

function fault(message: string): OrbweaverError {
  return new OrbweaverError('KUBECONFIG_INVALID', message);
}
