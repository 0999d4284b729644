/** The command lines of a control plane's programs, and the files that they name. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { programPath } from './binaries.ts';
import type { Certificates, KeyPair } from './certificates.ts';
import type { ControlPlaneOptions, ControlPlaneSite } from './control-plane.ts';

/** Of services; the first one is the API server's own. */
export const SERVICE_RANGE = '10.96.0.0/16';
export const API_SERVICE = '10.96.0.1';

interface Files {
  readonly server: KeyPair;
  readonly kubelet: KeyPair;
  readonly signingKey: string;
  readonly tokens: string;
}

export class ControlPlaneCommands {
  /** Of an administrator. */
  readonly token = randomBytes(24).toString('hex');
  readonly #site: ControlPlaneSite;
  readonly #certificates: Certificates;
  readonly #options: ControlPlaneOptions;
  readonly #files: Files;

  private constructor(
    site: ControlPlaneSite,
    certificates: Certificates,
    options: ControlPlaneOptions,
    files: Files,
  ) {
    this.#site = site;
    this.#certificates = certificates;
    this.#options = options;
    this.#files = files;
    writeFileSync(files.tokens, `${this.token},admin,admin,"system:masters"\n`, { mode: 0o600 });
  }

  static async prepare(
    site: ControlPlaneSite,
    certificates: Certificates,
    options: ControlPlaneOptions,
  ): Promise<ControlPlaneCommands> {
    const names = [
      ...['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(
        (name) => `DNS:${name}`,
      ),
      ...['127.0.0.1', API_SERVICE, ...site.addresses].map((address) => `IP:${address}`),
    ];
    const files = {
      server: await certificates.server('kube-apiserver', names),
      kubelet: await certificates.client('kube-apiserver-kubelet', ['system:masters']),
      signingKey: await certificates.signingKey('service-accounts'),
      tokens: site.run.file('tokens.csv'),
    };
    return new ControlPlaneCommands(site, certificates, options, files);
  }

  get #address(): string {
    return this.#site.addresses[0]!;
  }

  etcd(): string[] {
    const client = `http://${this.#address}:2379`;
    const peer = `http://${this.#address}:2380`;
    return [
      programPath('etcd'),
      `--data-dir=${this.#site.run.folder('etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      // A process that is killed loses nothing by it, only a machine that goes down.
      ...(this.#options.fsync ? [] : ['--unsafe-no-fsync']),
      '--log-level=warn',
    ];
  }

  apiServer(): string[] {
    const { server, kubelet, signingKey, tokens } = this.#files;
    const hasManager = this.#options.components?.includes('controller-manager') ?? false;
    return [
      programPath('kube-apiserver'),
      `--etcd-servers=http://${this.#address}:2379`,
      `--bind-address=${this.#site.bindAddress}`,
      `--secure-port=${this.#site.port}`,
      `--tls-cert-file=${server.certificate}`,
      `--tls-private-key-file=${server.key}`,
      `--client-ca-file=${this.#certificates.authority.certificate}`,
      `--token-auth-file=${tokens}`,
      // A proxy of ours may say who its client is.
      `--requestheader-client-ca-file=${this.#certificates.authority.certificate}`,
      '--requestheader-allowed-names=front-proxy',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      // Who makes the service accounts that pods need is the controller manager.
      ...(hasManager ? [] : ['--disable-admission-plugins=ServiceAccount']),
      '--advertise-address=10.254.254.1',
      '--endpoint-reconciler-type=none',
      // No proxy of services runs here, so webhooks are called at their endpoints.
      '--enable-aggregator-routing=true',
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${signingKey}`,
      `--service-account-key-file=${signingKey}`,
      `--kubelet-client-certificate=${kubelet.certificate}`,
      `--kubelet-client-key=${kubelet.key}`,
      `--kubelet-certificate-authority=${this.#certificates.authority.certificate}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--allow-privileged=true',
      '--profiling=false',
      '--v=1',
      ...(this.#options.apiServerArgs ?? []),
    ];
  }

  manager(name: 'kube-controller-manager' | 'kube-scheduler', kubeconfig: string): string[] {
    return [
      programPath(name),
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--secure-port=0',
      ...(name === 'kube-scheduler'
        ? []
        : [
            `--service-account-private-key-file=${this.#files.signingKey}`,
            `--root-ca-file=${this.#certificates.authority.certificate}`,
            '--use-service-account-credentials=false',
          ]),
    ];
  }
}
