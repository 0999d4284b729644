import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { CredentialSource } from '../../src/kube/credentials.ts';
import { readKubeconfig, serviceAccount } from '../../src/kube/kubeconfig.ts';
import { errorOf } from '../support/error-of.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const WHOLE = `
apiVersion: v1
kind: Config
current-context: one
contexts:
- name: one
  context: {cluster: here, user: me}
- name: two
  context: {cluster: there, user: nobody}
clusters:
- name: here
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority: pki/ca.crt, tls-server-name: kubernetes}
users:
- name: me
  user: {tokenFile: token, as: admin}
`;

function written(text: string): string {
  const file = join(scratchFolder(), 'config');
  writeFileSync(file, text);
  return file;
}

describe('a kubeconfig', () => {
  it('is read by its current context, with paths relative to it', () => {
    const file = written(WHOLE);
    const folder = join(file, '..');
    expect(readKubeconfig(file)).toEqual({
      server: 'https://10.0.0.1:6443',
      ca: { file: join(folder, 'pki/ca.crt') },
      tlsServerName: 'kubernetes',
      skipTlsVerify: false,
      proxyUrl: undefined,
      user: {
        name: 'me',
        certificate: undefined,
        key: undefined,
        token: undefined,
        tokenFile: join(folder, 'token'),
        basic: undefined,
        impersonate: 'admin',
        exec: undefined,
        authProvider: undefined,
      },
    });
  });

  it.each([
    {
      what: 'no current context',
      from: 'current-context: one',
      to: '',
      says: 'current-context: not set',
    },
    {
      what: 'a context that is not there',
      from: 'current-context: one',
      to: 'current-context: three',
      says: 'contexts: has no entry of the name "three"',
    },
    {
      what: 'a cluster that is not there',
      from: 'current-context: one',
      to: 'current-context: two',
      says: 'clusters: has no entry of the name "there"',
    },
    {
      what: 'a user that is not there',
      from: '- name: me',
      to: '- name: you',
      says: 'users: has no entry of the name "me"',
    },
    {
      what: 'no server',
      from: 'server: "https://10.0.0.1:6443/", ',
      to: '',
      says: 'clusters[here].cluster.server: not set',
    },
    {
      what: 'a server that is no URL',
      from: 'https://10.0.0.1:6443/',
      to: '10.0.0.1:6443',
      says: 'clusters[here].cluster.server: expected a URL of https, got "10.0.0.1:6443"',
    },
    {
      what: 'a field of another type',
      from: 'tokenFile: token',
      to: 'token: [a]',
      says: 'users[me].user.token: expected a string',
    },
    {
      what: 'a list that is none',
      from: 'users:\n- name: me\n  user: {tokenFile: token, as: admin}',
      to: 'users: 5',
      says: 'users: expected a list',
    },
    { what: 'text that is no YAML', from: 'kind: Config', to: 'kind: "Config', says: ':' },
  ])('with $what is refused, naming file and field', ({ from, to, says }) => {
    expect(WHOLE).toContain(from);
    const file = written(WHOLE.replace(from, to));
    const error = errorOf(() => readKubeconfig(file));
    expect(error.code).toBe('KUBECONFIG_INVALID');
    expect(error.message).toContain(file);
    expect(error.message).toContain(says);
  });

  it.each(['', '---\n---\n', '[]', 'text'])('of nothing but %j is refused', (text) => {
    expect(errorOf(() => readKubeconfig(written(text))).code).toBe('KUBECONFIG_INVALID');
  });

  it('that is not there is refused', () => {
    const file = join(scratchFolder(), 'none');
    const error = errorOf(() => readKubeconfig(file));
    expect(error).toMatchObject({ code: 'KUBECONFIG_INVALID' });
    expect(error.message).toContain(file);
  });
});

describe('the service account of a pod', () => {
  const ENVIRONMENT = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

  it('is where the kubelet puts it', () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'token'), 't');
    expect(serviceAccount(ENVIRONMENT, folder)).toMatchObject({
      server: 'https://10.96.0.1:443',
      ca: { file: join(folder, 'ca.crt') },
      user: { tokenFile: join(folder, 'token') },
    });
    const ipv6 = { ...ENVIRONMENT, KUBERNETES_SERVICE_HOST: 'fd00::1' };
    expect(serviceAccount(ipv6, folder).server).toBe('https://[fd00::1]:443');
  });

  it.each([
    {
      what: 'a variable',
      environment: { KUBERNETES_SERVICE_PORT: '443' },
      says: 'KUBERNETES_SERVICE_HOST',
    },
    { what: 'the token', environment: ENVIRONMENT, says: 'token does not exist' },
  ])('is not there without $what', ({ environment, says }) => {
    const error = errorOf(() => serviceAccount(environment, scratchFolder()));
    expect(error.code).toBe('KUBECONFIG_INVALID');
    expect(error.message).toContain(says);
  });
});

describe('credentials', () => {
  const source = (user: string, folder = scratchFolder(), now = () => 0) => {
    const file = join(folder, 'config');
    writeFileSync(file, WHOLE.replace('{tokenFile: token, as: admin}', user));
    mkdirSync(join(folder, 'pki'), { recursive: true });
    writeFileSync(join(folder, 'pki/ca.crt'), 'CA');
    return new CredentialSource(readKubeconfig(file), now);
  };

  it.each([
    { what: 'a token', user: '{token: abc}', headers: { authorization: 'Bearer abc' } },
    {
      what: 'name and password',
      user: '{username: a, password: b}',
      headers: { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` },
    },
    { what: 'nothing', user: '{}', headers: {} },
    {
      what: 'a token in the name of another',
      user: '{token: abc, as: you}',
      headers: { authorization: 'Bearer abc', 'impersonate-user': 'you' },
    },
  ])('are made of $what', async ({ user, headers }) => {
    expect((await source(user).current()).headers).toEqual(headers);
  });

  it('are certificates, from files or as they stand', async () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'me.crt'), 'CERT');
    const key = Buffer.from('KEY').toString('base64');
    const made = source(`{client-certificate: me.crt, client-key-data: ${key}}`, folder);
    expect((await made.current()).tls).toEqual({
      ca: 'CA',
      cert: 'CERT',
      key: 'KEY',
      servername: 'kubernetes',
      rejectUnauthorized: true,
    });
  });

  it('are read again from files after a minute', async () => {
    const folder = scratchFolder();
    let now = 0;
    writeFileSync(join(folder, 'token'), 'one\n');
    const made = source('{tokenFile: token}', folder, () => now);
    const authorization = async () => (await made.current()).headers.authorization;
    expect(await authorization()).toBe('Bearer one');
    writeFileSync(join(folder, 'token'), 'two\n');
    now = 59_000;
    expect(await authorization()).toBe('Bearer one');
    now = 61_000;
    expect(await authorization()).toBe('Bearer two');
  });

  test('are asked of a program, which knows what for, and again after a refusal', async () => {
    const folder = scratchFolder();
    const program = join(folder, 'login.sh');
    // It counts its calls in a file, and says what it was told.
    writeFileSync(
      program,
      `#!/bin/sh
echo >> "${folder}/calls"
n=$(wc -l < "${folder}/calls")
echo "$KUBERNETES_EXEC_INFO" > "${folder}/info"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'$1-$WHO-$n'"}}'
`,
    );
    chmodSync(program, 0o700);
    const made = source(
      '{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login.sh, args: [hello], env: [{name: WHO, value: me}]}}',
      folder,
    );
    const first = await made.current();
    expect(first.headers.authorization).toBe('Bearer hello-me-1');
    expect(await made.current()).toBe(first);
    const [second, same] = await Promise.all([made.renewed(first), made.renewed(first)]);
    expect(second.headers.authorization).toBe('Bearer hello-me-2');
    expect(same).toBe(second);
  });

  it('reject where the program fails, and are asked for again', async () => {
    const made = source('{exec: {apiVersion: client.authentication.k8s.io/v1, command: "false"}}');
    await expect(made.current()).rejects.toThrow();
    await expect(made.current()).rejects.toThrow();
  });
});
