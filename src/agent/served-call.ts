/**
 * One CNI call between a socket and the use-cases: its deadline, an agent that is not ready, and the
 * refusal that becomes an event of the pod. Every API that calls the use-cases goes through here.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { type CniAnswer, errorAnswer } from '../ipam/cni-answer.ts';
import { readCniArgs } from '../ipam/cni-args.ts';
import type { Clock } from '../ipam/ports.ts';
import type { CniRequest } from '../ipam/request.ts';
import type { PodEvents } from './pod-events.ts';

export interface CallParts {
  /** Undefined until the agent has read its store, and again once it stops. */
  service(): { call(request: CniRequest): Promise<CniAnswer> } | undefined;
  /** Why this verb is not served now, in a few words; undefined: it is. */
  refusal?(command: string): string | undefined | Promise<string | undefined>;
  readonly clock: Clock;
  readonly events: PodEvents;
  /** Called where the use-cases never saw the call or did not answer in time. */
  unanswered(command: string, error: OrbweaverError, ms: number): void;
}

/** A call as a client words it; the deadline is set here. */
export type WordedCall = Omit<CniRequest, 'deadline'>;

/** Serves one call. Never rejects. */
export async function serveCall(parts: CallParts, worded: WordedCall): Promise<CniAnswer> {
  let expired = false;
  const request: CniRequest = {
    ...worded,
    // A call that was answered at its deadline has nobody waiting for it either.
    gone: () => expired || worded.gone(),
    deadline: parts.clock.now() + LIMITS.callDeadlineMs,
  };
  const refusal = await parts.refusal?.(request.command);
  const service = parts.service();
  if (service === undefined || refusal !== undefined) {
    return refuseUnready(parts, request, refusal ?? 'the agent is starting or stopping');
  }
  const answer = await withinDeadline(service.call(request), () => {
    expired = true;
    const error = new OrbweaverError(
      'DEADLINE_EXCEEDED',
      `no answer within ${LIMITS.callDeadlineMs} ms`,
    );
    parts.unanswered(request.command, error, LIMITS.callDeadlineMs);
    return errorAnswer(error, request, undefined);
  });
  if (!answer.ok && request.command === 'ADD') {
    recordRefusal(parts.events, request, answer.error.msg);
  }
  return answer;
}

/** STATUS has a code of its own for "not now"; every other verb is to be tried again. */
function refuseUnready(parts: CallParts, request: CniRequest, reason: string): CniAnswer {
  const code = request.command === 'STATUS' ? 'STATUS_UNAVAILABLE' : 'NOT_READY';
  const error = new OrbweaverError(code, reason);
  parts.unanswered(request.command, error, 0);
  return errorAnswer(error, request, undefined);
}

function withinDeadline(answer: Promise<CniAnswer>, late: () => CniAnswer): Promise<CniAnswer> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(late()), LIMITS.callDeadlineMs);
    answer.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

function recordRefusal(events: PodEvents, request: CniRequest, message: string): void {
  const { namespace, pod } = readCniArgs(request.env.CNI_ARGS ?? '', 'tolerant');
  if (namespace !== '' && pod !== '') {
    const containerId = request.env.CNI_CONTAINERID ?? '';
    events.refused({ namespace, pod, containerId, network: networkIn(request.config), message });
  }
}

function networkIn(config: string): string {
  try {
    return String((JSON.parse(config) as { name?: unknown } | null)?.name ?? '');
  } catch {
    return '';
  }
}
