/**
 * POST /cni: the plugin's one request. The body's shape is checked here; what it says is judged by
 * the use-cases. An answer's status is 200 where the plugin is to exit with 0, else 400 and above
 * with a CNI error object, which the plugin prints.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { Received, Reply, Route } from '../http/route.ts';
import { type CniAnswer, errorAnswer } from '../ipam/cni-answer.ts';
import { readCniArgs } from '../ipam/cni-args.ts';
import type { Clock } from '../ipam/ports.ts';
import type { CniRequest } from '../ipam/request.ts';
import type { PodEvents } from './pod-events.ts';

export interface CniRouteParts {
  /** Undefined until the agent has read its store, and again once it stops. */
  service(): { call(request: CniRequest): Promise<CniAnswer> } | undefined;
  readonly clock: Clock;
  readonly events: PodEvents;
  /** Called where the use-cases never saw the call or did not answer in time. */
  unanswered(command: string, error: OrbweaverError, ms: number): void;
}

/** What the plugin sends (cni/plugin.c). */
interface CniBody {
  readonly protocol: 1;
  readonly calledAs: string;
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly ownNetns: boolean;
  readonly config: string;
}

const BODY_SCHEMA = {
  type: 'object',
  required: ['protocol', 'calledAs', 'command', 'env', 'ownNetns', 'config'],
  properties: {
    protocol: { const: 1 },
    calledAs: { type: 'string', maxLength: 255 },
    command: { type: 'string', maxLength: 255 },
    env: {
      type: 'object',
      additionalProperties: { type: 'string', maxLength: LIMITS.environmentCharsMax },
      maxProperties: 16,
    },
    ownNetns: { type: 'boolean' },
    config: { type: 'string' },
  },
} as const;

const STATUS_OK = 200;
const STATUS_REFUSED = 400;
const STATUS_FAULT = 500;
const STATUS_LATER = 503;

/** The route. Errors are CNI errors throughout, those of the framework included. */
export function cniRoute(parts: CniRouteParts): Route {
  return {
    method: 'POST',
    path: '/cni',
    bodyBytesMax: LIMITS.bodyBytesMax,
    bodySchema: BODY_SCHEMA,
    noticeHangUp: true,
    refuse: (error) => {
      parts.unanswered('', error, 0);
      return asReply(errorAnswer(error, NO_REQUEST, undefined));
    },
    handle: (received) => serve(parts, received),
  };
}

/** What stands for a request that could not be read. */
const NO_REQUEST: CniRequest = {
  calledAs: '',
  command: '',
  env: {},
  ownNetns: false,
  config: '',
  gone: () => false,
  deadline: 0,
};

async function serve(parts: CniRouteParts, received: Received): Promise<Reply> {
  const body = received.body as CniBody;
  let expired = false;
  const request: CniRequest = {
    calledAs: body.calledAs,
    command: body.command,
    env: body.env,
    ownNetns: body.ownNetns,
    config: body.config,
    // A call that was answered at its deadline has nobody waiting for it either.
    gone: () => expired || received.gone(),
    deadline: parts.clock.now() + LIMITS.callDeadlineMs,
  };
  const service = parts.service();
  if (service === undefined) {
    return asReply(refuseUnready(parts, request));
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
  return asReply(answer);
}

/** STATUS has a code of its own for "not now"; every other verb is to be tried again. */
function refuseUnready(parts: CniRouteParts, request: CniRequest): CniAnswer {
  const code = request.command === 'STATUS' ? 'STATUS_UNAVAILABLE' : 'NOT_READY';
  const error = new OrbweaverError(code, 'the agent is starting or stopping');
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

function asReply(answer: CniAnswer): Reply {
  if (answer.ok) {
    const body = answer.result === undefined ? '' : JSON.stringify(answer.result);
    return { status: STATUS_OK, body };
  }
  const { code } = answer.error;
  const status =
    code === 999 ? STATUS_FAULT : code === 11 || code === 50 ? STATUS_LATER : STATUS_REFUSED;
  return { status, body: JSON.stringify(answer.error) };
}
