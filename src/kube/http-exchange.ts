/**
 * One request and its answer over kept connections, and above all whether anything of it was sent: a request of
 * which nothing left cannot take effect, every other may.
 */
import type { Dispatcher } from 'undici';

export interface HttpRequest {
  /** `https://HOST:PORT`. */
  readonly origin: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface HttpAnswer {
  readonly kind: 'answered';
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Monotonic milliseconds: the request went out, the head of the answer came in. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

export type Exchange =
  | HttpAnswer
  /** Nothing was sent, and nothing will be. */
  | { readonly kind: 'unsent'; readonly reason: string }
  /** Something was sent; no whole answer came. */
  | { readonly kind: 'unanswered'; readonly reason: string };

/** What an open exchange tells. Exactly one of `end` and `fail` is called, last. */
export interface ExchangeListener {
  head(status: number, headers: HttpAnswer['headers'], sentAt: number, receivedAt: number): void;
  /** A piece of the body. */
  data(piece: Buffer): void;
  end(): void;
  fail(reason: string, sent: boolean): void;
}

/** Opens an exchange; the result gives it up, closing the connection that it uses. */
export function openExchange(
  dispatcher: Dispatcher,
  { origin, method, path, headers, body }: HttpRequest,
  listener: ExchangeListener,
): (reason: string) => void {
  let sentAt: number | undefined;
  let over = false;
  let control: Dispatcher.DispatchController | undefined;
  const fail = (reason: string) => {
    if (!over) {
      over = true;
      listener.fail(reason, sentAt !== undefined);
    }
  };
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(controller) {
      control = controller;
      if (over) {
        controller.abort(new Error('given up'));
      } else if (sentAt !== undefined) {
        // Sent again on another connection it might take effect twice.
        controller.abort(new Error('the connection was lost'));
      } else {
        sentAt = performance.now();
      }
    },
    onResponseStart(_controller, status, answered) {
      // 100 and its like come before the answer.
      if (!over && status >= 200) {
        listener.head(status, answered, sentAt ?? 0, performance.now());
      }
    },
    onResponseData(_controller, piece) {
      if (!over) {
        listener.data(piece);
      }
    },
    onResponseEnd() {
      if (!over) {
        over = true;
        listener.end();
      }
    },
    onResponseError(_controller, error) {
      fail(reasonOf(error));
    },
  };
  try {
    dispatcher.dispatch({ origin, method, path, headers, body: body ?? null }, handler);
  } catch (error) {
    fail(reasonOf(error));
  }
  return (reason) => {
    fail(reason);
    control?.abort(new Error(reason));
  };
}

/**
 * A whole exchange; gives up when `signal` aborts, for the reason that it has, and on an answer of more than
 * `bytesMax` bytes. Never rejects.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: HttpRequest,
  signal: AbortSignal,
  bytesMax: number,
): Promise<Exchange> {
  return new Promise((resolve) => {
    let head: Omit<HttpAnswer, 'kind' | 'body'> | undefined;
    const pieces: Buffer[] = [];
    let bytes = 0;
    if (signal.aborted) {
      resolve({ kind: 'unsent', reason: String(signal.reason) });
      return;
    }
    const giveUp = openExchange(dispatcher, request, {
      head(status, headers, sentAt, receivedAt) {
        head = { status, headers, sentAt, receivedAt };
      },
      data(piece) {
        bytes += piece.length;
        if (bytes > bytesMax) {
          giveUp(tooLong('answer', bytesMax));
        } else {
          pieces.push(piece);
        }
      },
      end() {
        signal.removeEventListener('abort', onAbort);
        resolve(
          head === undefined
            ? { kind: 'unanswered', reason: 'an answer without a head' }
            : { kind: 'answered', ...head, body: Buffer.concat(pieces).toString('utf8') },
        );
      },
      fail(reason, sent) {
        signal.removeEventListener('abort', onAbort);
        resolve({ kind: sent ? 'unanswered' : 'unsent', reason });
      },
    });
    function onAbort(): void {
      giveUp(String(signal.reason));
    }
    signal.addEventListener('abort', onAbort);
  });
}

/** Why what the server says is not read to its end. */
export function tooLong(what: 'answer' | 'event', bytesMax: number): string {
  return `an ${what} of more than ${bytesMax} bytes (answerBytesMax)`;
}

function reasonOf(error: unknown): string {
  const { message, code, errors } = error as Error & { code?: string; errors?: Error[] };
  // Several addresses of one name, all of which failed.
  const text = message || errors?.map((one) => one.message).join('; ') || 'no connection';
  return code === undefined || text.includes(code) ? text : `${text} (${code})`;
}
