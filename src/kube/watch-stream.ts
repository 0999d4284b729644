/**
 * One watch request: JSON lines for as long as the server sends them. A connection can die without a word, so
 * silence ends a watch; the server sends a bookmark every minute where nothing happens.
 */
import type { Dispatcher } from 'undici';
import type { KubeObject } from '../dialect/kube-object.ts';
import { reasonOf, retryAfterMs } from './api-answer.ts';
import { type HttpAnswer, type HttpRequest, openExchange, tooLong } from './http-exchange.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  /** Of a bookmark only `metadata.resourceVersion`. */
  readonly object: KubeObject;
}

/** How a watch ended. */
export type WatchEnd =
  /** By the server, in order, or because the signal said so. */
  | { readonly kind: 'ended' }
  /** 410: the place to go on from is no longer kept; list again. */
  | { readonly kind: 'expired' }
  /**
   * Anything else: not connected, refused, cut off, silent for too long. Wait at least `retryAfterMs`. `status`:
   * what the server answered, if it did.
   */
  | {
      readonly kind: 'broken';
      readonly reason: string;
      readonly retryAfterMs: number;
      readonly status?: number;
    };

export interface WatchStreamParts {
  readonly signal: AbortSignal;
  /** Milliseconds within which the head of the answer must come. */
  readonly headMs: number;
  /** Milliseconds without an event after which the watch is broken. */
  readonly silenceMs: number;
  /** Characters of one event; a longer one breaks the watch. */
  readonly eventBytesMax: number;
  readonly onEvent: (event: WatchEvent) => void;
  /** Told of the head of the answer. */
  readonly onHead: (head: Omit<HttpAnswer, 'kind' | 'body'>) => void;
}

interface RawEvent {
  readonly type: string;
  readonly object: KubeObject & {
    readonly code?: number;
    readonly message?: string;
    readonly details?: { readonly retryAfterSeconds?: number };
  };
}

/** Runs a watch to its end; never rejects. What `onEvent` throws breaks it. */
export function watchStream(
  dispatcher: Dispatcher,
  request: HttpRequest,
  parts: WatchStreamParts,
): Promise<WatchEnd> {
  const { signal, headMs, silenceMs, eventBytesMax, onEvent, onHead } = parts;
  return new Promise((resolve) => {
    let head: Omit<HttpAnswer, 'kind' | 'body'> | undefined;
    let told: WatchEnd | undefined;
    let rest = '';
    let timer: NodeJS.Timeout | undefined;
    const decoder = new TextDecoder();
    const finish = (end: WatchEnd) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(signal.aborted ? { kind: 'ended' } : (told ?? end));
    };
    const listenFor = (ms: number, what: string) => {
      clearTimeout(timer);
      timer = setTimeout(() => giveUp(`no ${what} for ${ms} ms`), ms);
    };
    const take = (line: string) => {
      const event = JSON.parse(line) as RawEvent;
      if (event.type === 'ERROR') {
        told = endOf(event);
        giveUp('the server reported an error');
      } else {
        onEvent(event as WatchEvent);
      }
    };
    if (signal.aborted) {
      finish({ kind: 'ended' });
      return;
    }
    signal.addEventListener('abort', onAbort);
    listenFor(headMs, 'answer');
    const giveUp = openExchange(dispatcher, request, {
      head(status, headers, sentAt, receivedAt) {
        head = { status, headers, sentAt, receivedAt };
        onHead(head);
        listenFor(silenceMs, 'event');
      },
      data(piece) {
        listenFor(silenceMs, 'event');
        const text = decoder.decode(piece, { stream: true });
        const [first = '', ...lines] = text.split('\n');
        if (lines.length === 0 || head?.status !== 200) {
          rest += text;
          if (rest.length > eventBytesMax) {
            giveUp(tooLong('event', eventBytesMax));
          }
          return;
        }
        const whole = [rest + first, ...lines];
        rest = whole.pop() as string;
        for (const line of whole) {
          if (line !== '' && told === undefined && !signal.aborted) {
            take(line);
          }
        }
      },
      end() {
        finish(head?.status === 200 ? { kind: 'ended' } : refusalOf(head, rest));
      },
      fail(reason) {
        finish({ kind: 'broken', reason, retryAfterMs: 0 });
      },
    });
    function onAbort(): void {
      giveUp('called off');
    }
  });
}

/** The end that an ERROR event tells. */
function endOf({ object }: RawEvent): WatchEnd {
  if (object.code === 410) {
    return { kind: 'expired' };
  }
  const { code, message = 'an error without words', details } = object;
  const retryAfter = (details?.retryAfterSeconds ?? 0) * 1_000;
  return {
    kind: 'broken',
    reason: message,
    retryAfterMs: retryAfter,
    ...(code === undefined ? {} : { status: code }),
  };
}

function refusalOf(head: Omit<HttpAnswer, 'kind' | 'body'> | undefined, body: string): WatchEnd {
  if (head === undefined) {
    return { kind: 'broken', reason: 'an answer without a head', retryAfterMs: 0 };
  }
  const answer: HttpAnswer = { kind: 'answered', ...head, body };
  return answer.status === 410
    ? { kind: 'expired' }
    : {
        kind: 'broken',
        reason: reasonOf(answer),
        retryAfterMs: retryAfterMs(answer) ?? 0,
        status: answer.status,
      };
}
