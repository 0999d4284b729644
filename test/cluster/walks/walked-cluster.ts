/** A cluster as a walk uses it: by its folder, so that one that was brought up earlier serves as well. */
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { CalledAs } from '../../../src/choose/subject.ts';
import { type ProcessResult, runProcess } from '../../../src/cli/walk/run-process.ts';
import type { KubeObject } from '../../../src/dialect/kube-object.ts';
import type { IpBlock } from '../../../src/kube/ip-block.ts';
import { programPath } from '../support/binaries.ts';
import { claimsOfBlock } from '../support/ledger-view.ts';
import { changePodNetwork } from '../support/pod-network.ts';
import type { RunFolder } from '../support/run-folder.ts';
import { linkPrograms } from '../support/user-programs.ts';

/** What a tutorial's clean-up leaves none of. */
const LEFT = 'pods,sp,se,spl,swe,ippools.projectcalico.org';

/** What Kubernetes keeps of an event. */
export interface PodEvent {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
}

export class WalkedCluster {
  readonly kubeconfig: string;
  readonly #programs: string;
  readonly #run: RunFolder;

  constructor(run: RunFolder) {
    this.#run = run;
    this.kubeconfig = join(run.path, 'admin.kubeconfig');
    this.#programs = linkPrograms(run);
  }

  /** The names of its nodes, in order. */
  get nodes(): string[] {
    return readdirSync(this.#run.folder('nodes')).sort();
  }

  /** Runs a line of shell as a user of the cluster who stands in `folder`. */
  shell(line: string, folder: string): Promise<ProcessResult> {
    const env = process.env as Record<string, string>;
    return runProcess('sh', ['-c', `cd "$0" && { ${line}\n}`, folder], {
      env: {
        ...env,
        INIT_CWD: folder,
        KUBECONFIG: this.kubeconfig,
        KUBECACHEDIR: this.#run.folder('kubectl'),
        PATH: [this.#programs, env.PATH ?? ''].join(delimiter),
      },
    });
  }

  /** The objects that a `kubectl get` finds. Rejects with what it says where it fails. */
  async objects<T = KubeObject>(...words: readonly string[]): Promise<readonly T[]> {
    const line = ['get', ...words, '-A', '-o', 'json'];
    const { exit, out, err } = await runProcess(programPath('kubectl'), [
      ...['--kubeconfig', this.kubeconfig, '--cache-dir', this.#run.folder('kubectl')],
      ...line,
    ]);
    if (exit !== 0) throw new Error(`kubectl ${line.join(' ')}: ${err.trim()}`);
    return (JSON.parse(out) as { items: T[] }).items;
  }

  /** Pods, endpoints and pools, as `Kind name`. Pods of the system are on the host's network, and do not count. */
  async leftovers(): Promise<string[]> {
    const objects = await this.objects(LEFT);
    return objects
      .filter(({ spec }) => (spec as { hostNetwork?: boolean } | undefined)?.hostNetwork !== true)
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  }

  /** How many addresses the ledger says that pods hold. */
  async claims(): Promise<number> {
    const blocks = await this.objects<IpBlock>('ipblocks');
    return blocks.flatMap(claimsOfBlock).length;
  }

  /** The pods' network config calls the IPAM plugin by this name on every node when this resolves. */
  async callPlugin(name: CalledAs): Promise<void> {
    await Promise.all(
      this.nodes.map((node) => changePodNetwork(this.#run.folder('nodes', node), { type: name })),
    );
  }
}
