/** Structured logs, one JSON object a line. The only file that knows pino. */
import { destination, pino, stdTimeFunctions } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** Writes out what is buffered and stops the timer; later lines are written at once. */
  close(): void;
}

/**
 * Lines wait for this many bytes or this long before they are written, so that no call waits for a
 * write.
 */
const BUFFER_BYTES = 8_192;
const FLUSH_MS = 250;
const STDERR = 2;

/** A log to a file descriptor (standard error unless told otherwise). */
export function openLog(level: LogLevel, descriptor: number = STDERR): Log {
  const sink = destination({ fd: descriptor, sync: false, minLength: BUFFER_BYTES });
  // A reader that went away must not take the agent with it.
  sink.on('error', () => {});
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  const timer = setInterval(() => sink.flush(), FLUSH_MS);
  timer.unref();
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    close: () => {
      clearInterval(timer);
      try {
        sink.flushSync();
      } catch {
        // Nothing can be said about a log that cannot be written.
      }
    },
  };
}
