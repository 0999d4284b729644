/**
 * POST /cni: the plugin's one request. The body's shape is checked here; what it says is judged by
 * the use-cases. An answer's status is 200 where the plugin is to exit with 0, else 400 and above
 * with a CNI error object, which the plugin prints.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Received, Reply, Route } from '../http/route.ts';
import { type CniAnswer, errorAnswer } from '../ipam/cni-answer.ts';
import type { CniRequest } from '../ipam/request.ts';
import { type CallParts, serveCall } from './served-call.ts';

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
export function cniRoute(parts: CallParts): Route {
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

async function serve(parts: CallParts, received: Received): Promise<Reply> {
  const { calledAs, command, env, ownNetns, config } = received.body as CniBody;
  const gone = () => received.gone();
  return asReply(await serveCall(parts, { calledAs, command, env, ownNetns, config, gone }));
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
