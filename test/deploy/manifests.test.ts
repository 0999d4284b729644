/** The manifests of deploy/: they agree with the command line, the package, the definitions and the documents. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { agentCommand } from '../../src/cli/agent.ts';
import { controllerCommand } from '../../src/cli/controller.ts';
import type { Shell } from '../../src/cli/shell.ts';
import { definitions } from '../../src/controller/crd-install.ts';
import { serviceNames } from '../../src/controller/webhook.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/controller/webhook-registration.ts';
import { WEBHOOK_SECRET } from '../../src/controller/webhook-secret.ts';
import { KINDS } from '../../src/dialect/kinds.ts';
import { readSpiderpoolConf, SPIDERPOOL_CONF_DEFAULTS } from '../../src/dialect/spiderpool-conf.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shapes of manifests are the API server's.
type Manifest = any;

const ROOT = join(import.meta.dirname, '../..');
const DEPLOY = join(ROOT, 'deploy');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const ALL: Manifest[] = readdirSync(join(DEPLOY, 'base'))
  .filter((name) => name !== 'kustomization.yaml')
  .flatMap((name) => parseAllDocuments(read(`deploy/base/${name}`)).map((one) => one.toJS()));

function one(kind: string, name: string): Manifest {
  const found = ALL.filter((object) => object.kind === kind && object.metadata.name === name);
  expect(found).toHaveLength(1);
  return found[0];
}

const agent = () => one('DaemonSet', 'orbweaver-agent').spec.template.spec;
const controller = () => one('Deployment', 'orbweaver-controller').spec.template.spec;

describe('the image', () => {
  test('has the version of the package', () => {
    const { images } = parse(read('deploy/base/kustomization.yaml'));
    expect(images).toEqual([
      { name: 'orbweaver', newTag: JSON.parse(read('package.json')).version },
    ]);
  });

  test('is the only one', () => {
    const used = [agent(), controller()].flatMap(({ initContainers = [], containers }) =>
      [...initContainers, ...containers].map(({ image }: Manifest) => image),
    );
    expect(new Set(used)).toEqual(new Set(['orbweaver']));
  });
});

describe('command lines', () => {
  const shell = {} as Shell;
  test.each([
    ['agent', agent, agentCommand(shell)],
    ['controller', controller, controllerCommand(shell)],
  ] as const)('%s: every argument is one of its options', (name, pod, command) => {
    const [first, ...args] = pod().containers[0].args;
    expect(first).toBe(name);
    const known = command.options.map(({ long, required }) => [long, required]);
    for (const arg of args) {
      const [option, value] = arg.split('=');
      expect(known).toContainEqual([option, value !== undefined]);
    }
    for (const { mandatory, long } of command.options) {
      if (mandatory) expect(args.some((arg: string) => arg.startsWith(`${long}=`))).toBe(true);
    }
  });

  test('variables in arguments are those that are set', () => {
    for (const { args, env } of [agent().containers[0], controller().containers[0]]) {
      const used = args.join(' ').matchAll(/\$\((\w+)\)/g);
      // This one Node reads by itself.
      const set = env.filter(({ name }: Manifest) => name !== 'NODE_OPTIONS');
      expect(new Set([...used].map(([, name]) => name))).toEqual(
        new Set(set.map(({ name }: Manifest) => name)),
      );
    }
  });
});

describe('pods', () => {
  test.each([
    ['agent', agent],
    ['controller', controller],
  ])(
    '%s: on the host network, with no capability to speak of and a file system that is not written',
    (_name, pod) => {
      expect(pod()).toMatchObject({ hostNetwork: true });
      expect(pod().priorityClassName).toMatch(/^system-(node|cluster)-critical$/);
      for (const { securityContext } of [...(pod().initContainers ?? []), ...pod().containers]) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(securityContext.privileged).toBeUndefined();
      }
      for (const { securityContext } of pod().containers) {
        expect(securityContext.capabilities.add).toBeUndefined();
      }
    },
  );

  test('an agent runs on every node, whatever its taints, and mounts no CNI config', () => {
    expect(agent().tolerations).toEqual([{ operator: 'Exists' }]);
    const folders = agent()
      .volumes.map(({ hostPath }: Manifest) => hostPath?.path)
      .filter(Boolean);
    expect(folders.sort()).toEqual(['/opt/cni/bin', '/run/orbweaver', '/var/lib/orbweaver']);
  });

  test('its plugin is installed by the script of this folder, which runs in the image', () => {
    const [install] = agent().initContainers;
    expect(install.command.slice(0, 3)).toEqual([
      ...['/bin/sh', '/opt/orbweaver/deploy/install-plugin.sh', '--keep-others'],
    ]);
    expect(read('deploy/install-plugin.sh')).toContain('--keep-others)');
  });

  test('ports are the ones that the page names', () => {
    const ports = [...agent().containers, ...controller().containers].flatMap(
      ({ ports: list }) => list,
    );
    const page = read('docs/kubernetes.md');
    for (const { containerPort, hostPort } of ports) {
      expect(hostPort).toBe(containerPort);
      expect(page).toContain(`| ${hostPort} |`);
    }
    const args = [...agent().containers[0].args, ...controller().containers[0].args].join(' ');
    expect(
      [...args.matchAll(/:(\d{4})|port=(\d{4})/g)].map((match) => Number(match[1] ?? match[2])),
    ).toEqual(ports.map(({ hostPort }: Manifest) => hostPort));
  });
});

describe('components', () => {
  test.each(readdirSync(join(DEPLOY, 'components')))(
    '%s: an option that the agent has, for a path of a folder that it mounts',
    (name) => {
      const { patches } = parse(read(`deploy/components/${name}/kustomization.yaml`));
      const values = patches.flatMap(({ target, patch }: Manifest) => {
        expect(target).toEqual({ kind: 'DaemonSet', name: 'orbweaver-agent' });
        return parse(patch).map(({ value }: Manifest) => value);
      });
      const [option, path] = values.find((value: unknown) => typeof value === 'string').split('=');
      expect(agentCommand({} as Shell).options.map(({ long }) => long)).toContain(option);
      const { mountPath } = values.find((value: Manifest) => value.mountPath !== undefined);
      const { hostPath } = values.find((value: Manifest) => value.hostPath !== undefined);
      expect(path).toMatch(new RegExp(`^${mountPath}/[^/]+$`));
      expect(hostPath.path).toBe(mountPath);
      expect(read('docs/kubernetes.md')).toContain(`\`deploy/components/${name}\``);
    },
  );
});

describe('the webhook', () => {
  const configurations = () => [
    one('MutatingWebhookConfiguration', WEBHOOK_CONFIGURATION),
    one('ValidatingWebhookConfiguration', WEBHOOK_CONFIGURATION),
  ];

  test('is reached by a Service that its certificate is for', () => {
    const service = one('Service', 'orbweaver-webhook');
    expect(serviceNames('orbweaver')[0]).toBe(`${service.metadata.name}.orbweaver.svc`);
    for (const { webhooks } of configurations()) {
      for (const { clientConfig } of webhooks) {
        expect(clientConfig.service).toMatchObject({
          name: service.metadata.name,
          namespace: 'orbweaver',
        });
        // Applying the manifest again must keep what the controller wrote.
        expect(clientConfig.caBundle).toBeUndefined();
      }
    }
  });

  test('is in nobody’s way when it is not there', () => {
    for (const { webhooks } of configurations()) {
      for (const webhook of webhooks) {
        expect(webhook).toMatchObject({ failurePolicy: 'Ignore', sideEffects: 'None' });
        expect(webhook.timeoutSeconds).toBeLessThanOrEqual(5);
      }
    }
  });

  test('is asked about every kind that has rules, in every version that is read', () => {
    const asked = one('ValidatingWebhookConfiguration', WEBHOOK_CONFIGURATION).webhooks.flatMap(
      ({ rules }: Manifest) =>
        rules.flatMap(({ apiGroups, apiVersions, resources }: Record<string, string[]>) =>
          apiGroups!.flatMap((group) =>
            apiVersions!.flatMap((version) =>
              resources!.map((name) => `${group}/${version} ${name}`),
            ),
          ),
        ),
    );
    const ruled = KINDS.filter(
      ({ apiVersions, projected }) => /\./.test(apiVersions[0]!.split('/')[0]!) && !projected,
    );
    for (const { apiVersions, plural } of ruled) {
      for (const version of apiVersions) expect(asked).toContain(`${version} ${plural}`);
    }
    expect(asked).toContain('/v1 configmaps');
  });

  test('bears the names that users see in front of a refusal', () => {
    const names = one('ValidatingWebhookConfiguration', WEBHOOK_CONFIGURATION).webhooks.map(
      ({ name }: Manifest) => name,
    );
    for (const resource of ['spiderippool', 'ippool', 'spidersubnet', 'spiderreservedip']) {
      expect(names).toContain(`${resource}.spiderpool.spidernet.io`);
    }
  });
});

describe('rights', () => {
  test('to definitions are to those that are made, by name', () => {
    const { rules } = one('ClusterRole', 'orbweaver-controller-crds');
    expect(rules[1].resourceNames.toSorted()).toEqual(
      definitions(join(DEPLOY, 'crds'))
        .map(({ metadata }) => metadata.name)
        .sort(),
    );
  });

  test('to the Secret and the configurations are by name', () => {
    const names = ALL.flatMap(({ rules = [] }) =>
      rules.flatMap(({ resourceNames = [] }: Manifest) => resourceNames),
    );
    expect(names).toEqual(expect.arrayContaining([WEBHOOK_SECRET, WEBHOOK_CONFIGURATION]));
  });

  test('no rule has a wildcard', () => {
    expect(JSON.stringify(ALL.filter(({ rules }) => rules))).not.toContain('"*"');
  });
});

describe('deploy/spiderpool-conf.yaml', () => {
  const conf = parse(read('deploy/spiderpool-conf.yaml'));

  test('holds texts only, since an API server takes nothing else', () => {
    for (const value of Object.values(conf.data)) expect(typeof value).toBe('string');
  });

  test('changes nothing', () => {
    expect(readSpiderpoolConf(conf)).toEqual(SPIDERPOOL_CONF_DEFAULTS);
  });
});
