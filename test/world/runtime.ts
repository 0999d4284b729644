/**
 * What a container runtime believes: the sandboxes it runs, and the addresses it was told. The checkers
 * compare this with the ledger.
 */

/** One interface of one container, as the runtime sees it. */
export interface Sandbox {
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  readonly interfaceName: string;
  /**
   * asked: ADD was sent, no answer seen. up: ADD was answered. over: DEL was sent, or a newer sandbox of
   * the pod was asked for, so nothing may be concluded. gone: DEL was answered.
   */
  state: 'asked' | 'up' | 'over' | 'gone';
  /** The addresses of the answered ADD, with prefix length. */
  addresses: readonly string[];
}

export class Runtime {
  readonly sandboxes: Sandbox[] = [];
  #containers = 0;

  /**
   * A new sandbox of a pod; its earlier sandboxes of this interface are over. Those of a pod of the same name and
   * another uid run on: the pod may have been deleted by force.
   */
  create(pod: string, uid: string, interfaceName: string): Sandbox {
    for (const sandbox of this.ofPod(pod)) {
      const same = sandbox.uid === uid && sandbox.interfaceName === interfaceName;
      if (same && sandbox.state !== 'gone') {
        sandbox.state = 'over';
      }
    }
    this.#containers += 1;
    const sandbox: Sandbox = {
      pod,
      uid,
      container: `c${this.#containers}`,
      interfaceName,
      state: 'asked',
      addresses: [],
    };
    this.sandboxes.push(sandbox);
    return sandbox;
  }

  ofPod(pod: string): Sandbox[] {
    return this.sandboxes.filter((sandbox) => sandbox.pod === pod);
  }

  in(...states: Sandbox['state'][]): Sandbox[] {
    return this.sandboxes.filter((sandbox) => states.includes(sandbox.state));
  }
}
