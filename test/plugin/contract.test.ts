/** The contract between plugin and agent: what is sent, what is printed (cni/README.md). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { builtPlugins } from './built-plugin.ts';
import { FakeAgent, httpReply, RESULT, SocketFolder, sending } from './fake-agent.ts';
import {
  ADD_ENVIRONMENT,
  CONFIG,
  expectRefusal,
  expectResult,
  runPlugin,
  type StartOptions,
} from './plugin-process.ts';

const { built, missing } = builtPlugins();

for (const [variant, lack] of missing) {
  test.skip(`plugin contract, ${variant} build: ${lack}`, () => {});
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
/** Where UTF-8 breaks: overlong forms, surrogates, too large, cut off, stray continuation bytes. */
const brokenUtf8 = [
  ...['c080', 'e08080', 'f0808080', 'eda080', 'edbfbf', 'f4908080', 'f5808080', 'ff', '80bf'],
  ...['e2', 'e282', 'f09f', 'f09f98', 'c3', 'e28241', 'f09f9841', 'c341', 'efbbbf', 'f48fbfbf'],
];

const configs: [name: string, config: string | Uint8Array][] = [
  ['an ordinary config', CONFIG],
  ['an empty config', ''],
  ['a config that is not JSON', '{"cniVersion": nope'],
  ['every escape', '"\\\b\f\n\r\t/\u0000\u0001\u001f\u007f'],
  ['characters of one to four bytes', 'aé€😀\u2028\ufeff'],
  ['every byte', everyByte],
  ['broken UTF-8', Buffer.from(brokenUtf8.join('7c'), 'hex')],
  ['a UTF-8 sequence cut off by the end', Buffer.from('7bf09f98', 'hex')],
  ['the longest config', `{"cniVersion":"0.4.0","x":"${'y'.repeat(1024 * 1024 - 30)}"}`],
  ['the longest config of what grows most', Buffer.alloc(1024 * 1024, 1)],
];

describe.each(built)('plugin contract, $variant build', (plugin) => {
  /** The one request of a call, with the body as text. */
  async function requestOf(options: Omit<StartOptions, 'plugin' | 'socket'>) {
    await using agent = await FakeAgent.start();
    const outcome = await runPlugin({ plugin, socket: agent.socket, ...options });
    expectResult(outcome, RESULT);
    expect(agent.requests).toHaveLength(1);
    const { head, body } = agent.requests[0]!;
    return { head, body: body.toString(), json: JSON.parse(body.toString()) };
  }

  test.concurrent('an ADD is one POST with these very bytes', async () => {
    const { head, body } = await requestOf({});
    expect(head).toBe(
      'POST /cni HTTP/1.1\r\nHost: orbweaver\r\nContent-Type: application/json\r\n' +
        `Connection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`,
    );
    const { CNI_COMMAND: command, ...env } = ADD_ENVIRONMENT;
    expect(body).toBe(
      JSON.stringify({
        protocol: 1,
        calledAs: 'orbweaver',
        command,
        env,
        ownNetns: false,
        config: CONFIG,
      }),
    );
  });

  test.concurrent.each(configs)('the config travels verbatim: %s', async (_, config) => {
    const { body, json } = await requestOf({ stdin: config });
    expect(json.config).toBe(Buffer.from(config).toString());
    // JSON.stringify escapes as little as the plugin does, so the bytes can be compared as well.
    expect(body.endsWith(`"config":${JSON.stringify(json.config)}}`)).toBe(true);
  });

  test.concurrent('variables travel verbatim, set and empty differs from not set', async () => {
    const env = { CNI_COMMAND: 'DEL', CNI_NETNS: '', CNI_ARGS: '"\\\u0001\t=;é😀', OTHER: 'x' };
    const { json } = await requestOf({ env });
    expect(json.env).toEqual({ CNI_NETNS: '', CNI_ARGS: env.CNI_ARGS });
  });

  test.concurrent('a variable that is not UTF-8 travels with U+FFFD', async () => {
    const shell = 'CNI_ARGS=$(printf "a\\377\\303\\251") exec "$@"';
    const { json } = await requestOf({ shell });
    expect(json.env.CNI_ARGS).toBe('a\ufffdé');
  });

  test.concurrent('the longest environment is sent', async () => {
    const CNI_ARGS = '\u0001'.repeat(64 * 1024);
    const { json } = await requestOf({ env: { CNI_COMMAND: 'DEL', CNI_ARGS } });
    expect(json.env.CNI_ARGS).toBe(CNI_ARGS);
  });

  test.concurrent.each([
    ['/opt/cni/bin/spiderpool', 'spiderpool'],
    ['calico-ipam', 'calico-ipam'],
    ['../bin/', ''],
    ['/a/"b', '"b'],
    [`/bin/${'n'.repeat(300)}`, 'n'.repeat(255)],
  ])('called as %s it says so', async (calledAs, expected) => {
    const { json } = await requestOf({ calledAs });
    expect(json.calledAs).toBe(expected);
  });

  test.concurrent.each(['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'])('%s is forwarded', async (verb) => {
    const { json } = await requestOf({ env: { CNI_COMMAND: verb } });
    expect(json).toMatchObject({ command: verb, env: {} });
  });

  test.concurrent.each<[string, Record<string, string>, boolean]>([
    ['its own namespace', { CNI_NETNS: '/proc/self/ns/net' }, true],
    ['its own, by another path', { CNI_NETNS: '/proc/thread-self/ns/net' }, true],
    ['override 1', { CNI_NETNS: '/proc/self/ns/net', CNI_NETNS_OVERRIDE: '1' }, false],
    ['override True', { CNI_NETNS: '/proc/self/ns/net', CNI_NETNS_OVERRIDE: 'True' }, false],
    ['override 0', { CNI_NETNS: '/proc/self/ns/net', CNI_NETNS_OVERRIDE: '0' }, true],
    ['override trueish', { CNI_NETNS: '/proc/self/ns/net', CNI_NETNS_OVERRIDE: 'truer' }, true],
    ['override empty', { CNI_NETNS: '/proc/self/ns/net', CNI_NETNS_OVERRIDE: '' }, true],
    ['another kind of namespace', { CNI_NETNS: '/proc/self/ns/uts' }, false],
    ['no such file', { CNI_NETNS: '/run/netns/none' }, false],
    ['an empty path', { CNI_NETNS: '' }, false],
    ['no variable', {}, false],
  ])('ownNetns, %s', async (_, env, expected) => {
    const { json } = await requestOf({ env: { CNI_COMMAND: 'ADD', ...env } });
    expect(json.ownNetns).toBe(expected);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'ownNetns is false for the namespace of another process (needs root)',
    async () => {
      const other = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; read line']);
      try {
        await once(other.stdout, 'data');
        const CNI_NETNS = `/proc/${other.pid}/ns/net`;
        const { json } = await requestOf({ env: { CNI_COMMAND: 'ADD', CNI_NETNS } });
        expect(json.ownNetns).toBe(false);
      } finally {
        other.stdin.end();
      }
    },
  );

  const passed: [name: string, status: number, body: string, exit: number][] = [
    ['a result', 200, RESULT, 0],
    ['a result with white space around it', 200, `\n ${RESULT}\n`, 0],
    ['an empty success', 200, '', 0],
    ['a refusal', 400, '{"cniVersion":"0.4.0","code":7,"msg":"no"}', 1],
    ['a refusal for now', 503, '{"cniVersion":"0.4.0","code":11,"msg":"later"}', 1],
    [
      'an object that holds every kind of value',
      200,
      '{"a":[1,-0.5e+3,"\\u00e9\\n",{}],"b":null}',
      0,
    ],
  ];
  test.concurrent.each(passed)('%s is printed as it came', async (_, status, body, exit) => {
    await using agent = await FakeAgent.start(sending(httpReply(status, body)));
    const outcome = await runPlugin({ plugin, socket: agent.socket });
    expect(outcome).toMatchObject({ exit, stderr: '' });
    expect(outcome.stdout.toString()).toBe(body);
  });

  test.concurrent.each([
    ['the version of its config', '{"cniVersion":"1.0.0"}', '1.0.0'],
    ['the last of two versions', '{"cniVersion":"0.1.0","cniVersion":"0.3.1"}', '0.3.1'],
    ['a version before a fault', '{"cniVersion":"0.3.0","x":!', '0.3.0'],
    [
      'a version of the future',
      '{"a":{"cniVersion":"0.1.0"},"cniVersion":"2.0.0-rc.1"}',
      '2.0.0-rc.1',
    ],
    ['the newest when there is none', '{"name":"x"}', '1.1.0'],
    ['the newest when it is no string', '{"cniVersion":1.0}', '1.1.0'],
    ['the newest when it is empty', '{"cniVersion":""}', '1.1.0'],
    ['the newest when it is not sane', '{"cniVersion":"1\\n0\\",\\"code"}', '1.1.0'],
    ['the newest when it is too long', `{"cniVersion":"${'1'.repeat(33)}"}`, '1.1.0'],
    ['the newest when the config is no object', '["cniVersion"]', '1.1.0'],
    ['the newest when there is no config', '', '1.1.0'],
  ])('VERSION and errors speak %s', async (_, stdin, cniVersion) => {
    using folder = new SocketFolder();
    const { socket } = folder;
    const answer = await runPlugin({ plugin, socket, stdin, env: { CNI_COMMAND: 'VERSION' } });
    const supportedVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
    expectResult(answer, `${JSON.stringify({ cniVersion, supportedVersions })}\n`);
    const refused = await runPlugin({ plugin, socket, stdin, env: { CNI_COMMAND: 'NOPE' } });
    expectRefusal(refused, 4, cniVersion);
  });

  test.concurrent('nothing is ever written to stderr or stdout but the one document', async () => {
    await using agent = await FakeAgent.start();
    const outcome = await runPlugin({ plugin, socket: agent.socket, stdin: 'junk' });
    expectResult(outcome, RESULT);
  });
});
