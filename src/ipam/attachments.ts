/**
 * Which containers of this node the agent knows to be attached (rule 15): an ADD of theirs is queued, runs, or was
 * answered with addresses, and no DEL came since. It is the agent's memory of this life only; what was attached
 * before is known from the ledger, and is compared with the runtime.
 */
import type { Attachment } from './ports.ts';

interface Container {
  /** ADDs whose outcome does not stand yet. */
  adding: number;
  /** Interfaces that were given addresses, by network and name. */
  readonly attached: Set<string>;
}

export class Attachments {
  /** By the container's name in the ledger. */
  readonly #containers = new Map<string, Container>();

  /** An ADD entered its queue; the result is to be called once its outcome stands. */
  adding(attachment: Attachment): (succeeded: boolean) => void {
    const { containerId } = attachment;
    const container = this.#containers.get(containerId) ?? { adding: 0, attached: new Set() };
    this.#containers.set(containerId, container);
    container.adding += 1;
    return (succeeded) => {
      container.adding -= 1;
      if (succeeded) {
        container.attached.add(keyOf(attachment));
      }
      this.#forgetEmpty(containerId);
    };
  }

  /** A DEL of the attachment was answered, or CNI GC freed it. */
  remove(attachment: Attachment): void {
    this.#containers.get(attachment.containerId)?.attached.delete(keyOf(attachment));
    this.#forgetEmpty(attachment.containerId);
  }

  /** Whether the container, as the ledger names it, has any attachment. */
  has(containerId: string): boolean {
    return this.#containers.has(containerId);
  }

  #forgetEmpty(containerId: string): void {
    const container = this.#containers.get(containerId);
    if (container?.adding === 0 && container.attached.size === 0) {
      this.#containers.delete(containerId);
    }
  }
}

function keyOf({ network, interfaceName }: Attachment): string {
  return `${network}/${interfaceName}`;
}
