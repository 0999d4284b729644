/** Where a command writes: standard output and error, colour only where a person looks at it. */

export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Warnings, progress and errors. */
  err(text: string): void;
  bold(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
}

/** The process's own terminal. NO_COLOR (any value) and TERM=dumb turn colour off. */
export function processTerminal(): Terminal {
  const plain =
    (process.env.NO_COLOR ?? '') !== '' ||
    process.env.TERM === 'dumb' ||
    process.stdout.isTTY !== true;
  const paint = (code: number) => (text: string) =>
    plain ? text : `\u001b[${code}m${text}\u001b[0m`;
  tolerateClosedPipes();
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    bold: paint(1),
    red: paint(31),
    yellow: paint(33),
    green: paint(32),
  };
}

/** `orbweaver get … | head` closes the pipe early, which is no fault. */
function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.listeners('error').includes(onStreamError)) {
      continue;
    }
    stream.on('error', onStreamError);
  }
}

function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') {
    throw error;
  }
}
