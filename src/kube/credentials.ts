/**
 * What proves to the API server who asks: headers, and what TLS needs. Files are read again once a minute, because
 * tokens and certificates are renewed under a running process, and at once after a 401.
 */
import { readFileSync } from 'node:fs';
import type { User } from '@kubernetes/client-node';
// Not the library's index: with it come 50 MiB of models in memory.
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import type { ClusterAccess, ExecProgram, Pem, UserAccess } from './kubeconfig.ts';

export interface TlsSettings {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly servername: string | undefined;
  readonly rejectUnauthorized: boolean;
}

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsSettings;
}

/** Age in milliseconds at which files are read again, as client-go does. */
const FILE_AGE_MS = 60_000;

export class CredentialSource {
  readonly #access: ClusterAccess;
  readonly #now: () => number;
  #exec = new ExecAuth();
  #read: { readonly at: number; readonly credentials: Promise<Credentials> } | undefined;

  /** `now`: monotonic milliseconds. */
  constructor(access: ClusterAccess, now: () => number) {
    this.#access = access;
    this.#now = now;
  }

  /** Rejects where a file cannot be read or the program of the user's entry fails. */
  current(): Promise<Credentials> {
    const now = this.#now();
    if (this.#read === undefined || now - this.#read.at > FILE_AGE_MS) {
      const credentials = this.#readAll();
      const read = { at: now, credentials };
      this.#read = read;
      credentials.catch(() => {
        if (this.#read === read) {
          this.#read = undefined;
        }
      });
    }
    return this.#read.credentials;
  }

  /** The credentials anew, after the server refused `refused`; the same object where somebody has renewed them. */
  renewed(refused: Credentials): Promise<Credentials> {
    const read = this.#read;
    return this.current().then((known) => {
      if (known === refused && this.#read === read) {
        this.#exec = new ExecAuth();
        this.#read = undefined;
      }
      return this.current();
    });
  }

  async #readAll(): Promise<Credentials> {
    const { ca, tlsServerName, skipTlsVerify, user } = this.#access;
    const proof = await this.#proofOf(user);
    return {
      headers: {
        ...(user.impersonate === undefined ? {} : { 'impersonate-user': user.impersonate }),
        ...(proof.authorization === undefined ? {} : { authorization: proof.authorization }),
      },
      tls: {
        ca: pemText(ca),
        cert: proof.cert ?? pemText(user.certificate),
        key: proof.key ?? pemText(user.key),
        servername: tlsServerName,
        rejectUnauthorized: !skipTlsVerify,
      },
    };
  }

  async #proofOf(
    user: UserAccess,
  ): Promise<{ authorization?: string | undefined; cert?: string; key?: string }> {
    if (user.tokenFile !== undefined) {
      return { authorization: `Bearer ${readFileSync(user.tokenFile, 'utf8').trim()}` };
    }
    if (user.token !== undefined) {
      return { authorization: `Bearer ${user.token.trim()}` };
    }
    if (user.basic !== undefined) {
      const { username, password } = user.basic;
      return {
        authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      };
    }
    if (user.exec !== undefined) {
      return this.#byProgram(user.name, user.exec);
    }
    if (user.authProvider !== undefined) {
      return { authorization: await byAuthProvider(this.#access, user.authProvider) };
    }
    return {};
  }

  async #byProgram(
    name: string,
    exec: ExecProgram,
  ): Promise<{ authorization?: string | undefined; cert?: string; key?: string }> {
    const { apiVersion } = exec;
    const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
    const env = [...exec.env, { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }];
    const options: { headers: Record<string, string>; cert?: string; key?: string } = {
      headers: {},
    };
    const user = { name, exec: { ...exec, env } } as unknown as User;
    await this.#exec.applyAuthentication(user, options);
    return {
      authorization: options.headers.Authorization,
      ...(options.cert === undefined ? {} : { cert: options.cert }),
      ...(options.key === undefined ? {} : { key: options.key }),
    };
  }
}

/** Older providers need the whole library, which is loaded for them alone. */
async function byAuthProvider(
  { server, user }: ClusterAccess,
  authProvider: object,
): Promise<string | undefined> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'cluster', server, skipTLSVerify: false }, {
    name: user.name,
    authProvider,
  } as User);
  const options: { headers?: Record<string, string> } = {};
  await config.applyToHTTPSOptions(options);
  return options.headers?.Authorization;
}

function pemText(pem: Pem | undefined): string | undefined {
  if (pem === undefined) {
    return undefined;
  }
  return 'file' in pem
    ? readFileSync(pem.file, 'utf8')
    : Buffer.from(pem.base64, 'base64').toString('utf8');
}
