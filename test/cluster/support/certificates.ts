/** Keys and certificates of one cluster: its own authority, the API server's certificate, clients by name and group. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { RunFolder } from './run-folder.ts';

const run = promisify(execFile);
const DAYS = '30';

/** Paths of one certificate and its key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class Certificates {
  readonly authority: KeyPair;
  readonly #folder: RunFolder;
  #clients = 0;

  private constructor(folder: RunFolder) {
    this.#folder = folder;
    this.authority = this.#pair('ca');
  }

  static async make(folder: RunFolder): Promise<Certificates> {
    const made = new Certificates(folder);
    const { certificate, key } = made.authority;
    const usage = 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature';
    await openssl('req', '-x509', ...newKey, '-days', DAYS, '-subj', '/CN=cluster-ca', [
      ...['-addext', usage, '-keyout', key, '-out', certificate],
    ]);
    return made;
  }

  get authorityPem(): string {
    return readFileSync(this.authority.certificate, 'utf8');
  }

  /** `names`: what clients call the server, as `DNS:name` and `IP:address`. */
  server(name: string, names: readonly string[]): Promise<KeyPair> {
    return this.#signed(name, `/CN=${name}`, [
      `subjectAltName=${names.join(',')}`,
      'extendedKeyUsage=serverAuth,clientAuth',
    ]);
  }

  /** A certificate that the API server takes for this user of these groups. */
  client(user: string, groups: readonly string[]): Promise<KeyPair> {
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join('');
    this.#clients += 1;
    return this.#signed(`client-${this.#clients}`, subject, ['extendedKeyUsage=clientAuth']);
  }

  /** A key without a certificate, with which tokens of service accounts are signed. */
  async signingKey(name: string): Promise<string> {
    const { key } = this.#pair(name);
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
    return key;
  }

  async #signed(name: string, subject: string, extensions: string[]): Promise<KeyPair> {
    const pair = this.#pair(name);
    const { certificate, key } = this.authority;
    await openssl('req', '-x509', ...newKey, '-days', DAYS, '-subj', subject, [
      ...['-CA', certificate, '-CAkey', key, '-keyout', pair.key, '-out', pair.certificate],
      ...['basicConstraints=critical,CA:FALSE', ...extensions].flatMap((line) => ['-addext', line]),
    ]);
    return pair;
  }

  #pair(name: string): KeyPair {
    return {
      certificate: this.#folder.file('certificates', `${name}.crt`),
      key: this.#folder.file('certificates', `${name}.key`),
    };
  }
}

async function openssl(...args: (string | string[])[]): Promise<void> {
  await run('openssl', args.flat());
}

/** Writes a kubeconfig for a server with a client's certificate or bearer token; its path. */
export function writeKubeconfig(
  file: string,
  url: string,
  authorityPem: string,
  credentials: KeyPair | { readonly token: string },
): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const user =
    'token' in credentials
      ? { token: credentials.token }
      : {
          'client-certificate-data': base64(readFileSync(credentials.certificate, 'utf8')),
          'client-key-data': base64(readFileSync(credentials.key, 'utf8')),
        };
  const cluster = { server: url, 'certificate-authority-data': base64(authorityPem) };
  // JSON is YAML, so every reader takes it.
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'user', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
    'current-context': 'test',
  };
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return file;
}
