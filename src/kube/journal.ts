/**
 * What an agent was about to write, kept on its own disk, because a request that is on its way when the agent
 * dies may land after the agent has come back and looked.
 */
import type { SlotWrite } from '../ipam/ports.ts';

/**
 * What the agent's next life does with an intent that it finds: a release, and what takes a claim back, is
 * finished; a claim of which not all landed is undone.
 */
export type Ending = 'finish' | 'undo';

/** The slot writes of one commit: who (in the lines), where, over what, and with which nonces. */
export interface Intent {
  readonly id: number;
  readonly writes: readonly SlotWrite[];
  readonly ending: Ending;
}

export interface Journal {
  /**
   * Resolves to the intent's id when it is durable; calls at the same time share a flush. Rejects with
   * STORE_FAILURE.
   */
  begin(writes: readonly SlotWrite[], ending: Ending): Promise<number>;
  /**
   * The outcome of an intent stands. It need not be durable at once, since an intent that turns up again is
   * only settled again; but it is soon, and no later than the next intent, so that an intent that does turn up
   * is one whose slots this agent has not written to since.
   */
  end(id: number): void;
  /** The intents that have not ended, the oldest first. */
  open(): Intent[];
}
