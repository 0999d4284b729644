/** Which process is meant: a pid alone may have gone to another process since it was written down. */
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after the machine's start, as text (proc(5), stat, field 22). */
  readonly started: string;
}

/** What is running under this pid, or undefined where nothing is (a zombie counts as nothing). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in parentheses that may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : { pid, started: fields[19]! };
  } catch {
    return undefined;
  }
}

/** True while that very process runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.started === identity.started;
}

/** Sends the signal if that very process still runs. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch {
    // It went in between.
  }
}
