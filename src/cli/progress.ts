/** Says that work goes on when it takes longer than a person waits in peace. */

const FIRST_AFTER_MS = 1_000;
const EVERY_MS = 500;

export interface Progress {
  /** `text` describes the present state: `applied 400 of 10,000`. */
  update(text: string): void;
  /** Removes the line. */
  end(): void;
}

/**
 * On a terminal one line on standard error that changes in place, beginning after a second;
 * elsewhere nothing, so that logs of scripts stay short.
 */
export function openProgress(): Progress {
  if (process.stderr.isTTY !== true) {
    return { update: () => {}, end: () => {} };
  }
  let next = performance.now() + FIRST_AFTER_MS;
  let shown = false;
  return {
    update: (text) => {
      const now = performance.now();
      if (now >= next) {
        process.stderr.write(`\r\u001b[K${text}`);
        next = now + EVERY_MS;
        shown = true;
      }
    },
    end: () => {
      if (shown) {
        process.stderr.write('\r\u001b[K');
      }
    },
  };
}

/** Passes the outcome on; on a terminal, says `text` while it takes longer than a second. */
export async function whileWaiting<T>(text: string, work: Promise<T>): Promise<T> {
  if (process.stderr.isTTY !== true) {
    return work;
  }
  let shown = false;
  const timer = setTimeout(() => {
    process.stderr.write(text);
    shown = true;
  }, FIRST_AFTER_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    if (shown) {
      process.stderr.write('\r\u001b[K');
    }
  }
}
