/** How a process that serves is ended from outside: by SIGTERM or SIGINT (signal(7)). */
import type { Log } from './log.ts';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** What can be ended in good order. */
export interface Stoppable {
  stop(): Promise<void>;
  /** Resolves when it has stopped, by `stop` or by a signal. */
  readonly stopped: Promise<void>;
}

/** From now on the first signal stops it in good order; a second one ends the process at once. */
export function stopOnSignals(server: Stoppable, log: Log): void {
  for (const signal of STOP_SIGNALS) {
    const onSignal = () => {
      log.info({ signal }, 'stopping');
      void server.stop();
    };
    process.once(signal, onSignal);
    void server.stopped.then(() => process.off(signal, onSignal));
  }
}
