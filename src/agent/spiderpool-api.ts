/**
 * Spiderpool's agent API (reference/spiderpool.md 8.1), so that its own plugin works against this agent:
 * the same paths, bodies, status codes and texts. Every call goes to the use-cases as a call of the plugin
 * `spiderpool` does.
 *
 * | path | what it does here |
 * |---|---|
 * | GET /v1/ipam/healthy | 200 once calls are served, be it only DELs |
 * | POST, DELETE /v1/ipam/ip | ADD, DEL |
 * | POST /v1/ipam/ips | nothing, as there |
 * | DELETE /v1/ipam/ips | frees what the pod holds, after a failed probe |
 * | GET /v1/workloadendpoint | the addresses of a pod that this agent knows |
 * | GET /v1/coordinator/config | refused: the coordinator is not address management |
 * | GET /v1/runtime/… | the probes of its chart |
 *
 * What a handler says against a call is one JSON string. What is wrong with a request's form is an object
 * with a code, as go-openapi words it.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { Received, Reply, Route } from '../http/route.ts';
import { withoutSpiderpoolPrefix } from '../ipam/cni-answer.ts';
import type { Parts } from '../ipam/parts.ts';
import { asOrbweaverError } from './json-route.ts';
import { type CallParts, serveCall } from './served-call.ts';
import {
  BindingError,
  missing,
  readAddArgs,
  readBatchDelArgs,
  readDelArgs,
  unreadable,
} from './spiderpool-api-args.ts';
import { addCall, addResponse, delCall } from './spiderpool-api-call.ts';
import { endpointStatus } from './spiderpool-api-endpoint.ts';
import { releasePod } from './spiderpool-api-release.ts';

export interface SpiderpoolApiParts extends CallParts {
  /** What the use-cases work with; undefined until everything is read, and again once the agent stops. */
  ipam(): Parts | undefined;
  /** Told when addresses were freed without a DEL. */
  released(): void;
}

/** As go-openapi's server writes it: no charset. */
const JSON_TYPE = 'application/json';
/** Its own statuses of DELETE /v1/ipam/ips; the text's last blank is its own, too. */
const FORBIDDEN_STATEFUL = 522;
const FORBIDDEN_STATEFUL_TEXT = 'forbid releasing IPs for stateful workload ';

/** Every route of the API. */
export function spiderpoolApiRoutes(parts: SpiderpoolApiParts): Route[] {
  const healthy = () => empty(parts.service() === undefined ? 500 : 200);
  return [
    route('GET', '/v1/ipam/healthy', '', async () => healthy()),
    route('POST', '/v1/ipam/ip', 'ipamAddArgs', async (received) => {
      const call = addCall(readAddArgs(received.body), () => received.gone());
      const ipam = parts.ipam();
      const outcome = await serveCall(parts, call);
      return outcome.ok
        ? json(200, await addResponse(ipam ?? ready(parts), call, outcome.result))
        : json(500, withoutSpiderpoolPrefix(outcome.error.msg));
    }),
    route('DELETE', '/v1/ipam/ip', 'ipamDelArgs', async (received) => {
      const call = delCall(readDelArgs(received.body), () => received.gone());
      const outcome = await serveCall(parts, call);
      return outcome.ok ? empty(200) : json(500, outcome.error.msg);
    }),
    route('POST', '/v1/ipam/ips', '', async () => empty(200)),
    route('DELETE', '/v1/ipam/ips', 'ipamBatchDelArgs', async ({ body }) => {
      if ((await releasePod(ready(parts), readBatchDelArgs(body))) === 'stateful') {
        return json(FORBIDDEN_STATEFUL, FORBIDDEN_STATEFUL_TEXT);
      }
      parts.released();
      return empty(200);
    }),
    route('GET', '/v1/workloadendpoint', '', async ({ query }) => {
      const { podNamespace, podName } = query;
      if (podName === undefined || podNamespace === undefined) {
        throw missing(podName === undefined ? 'podName' : 'podNamespace', 'query');
      }
      const status = await endpointStatus(ready(parts), podNamespace, podName);
      return status === undefined
        ? json(404, `SpiderEndpoint not found for pod ${podNamespace}/${podName}`)
        : json(200, status);
    }),
    route('GET', '/v1/coordinator/config', '', async () =>
      json(500, 'no SpiderCoordinator is kept here: this agent manages addresses only'),
    ),
    ...['startup', 'readiness', 'liveness'].map((probe) =>
      route('GET', `/v1/runtime/${probe}`, '', async () => healthy()),
    ),
  ];
}

/** The refusal of a path that the API does not have. */
export function refusePath(error: OrbweaverError): Reply {
  const code = error.code === 'PATH_UNKNOWN' ? 404 : 400;
  return malformed(code, code, error.message);
}

function route(
  method: Route['method'],
  path: string,
  parameter: string,
  handle: (received: Received) => Promise<Reply>,
): Route {
  return {
    method,
    path,
    bodyBytesMax: LIMITS.bodyBytesMax,
    noticeHangUp: method === 'POST',
    handle: async (received) => {
      try {
        return await handle(received);
      } catch (error) {
        return refuse(error);
      }
    },
    // The body is no JSON, or too large: it was never bound.
    refuse: (error) =>
      refuse(error.code === 'DECODE_FAILURE' ? unreadable(parameter, reasonIn(error)) : error),
  };
}

function refuse(thrown: unknown): Reply {
  return thrown instanceof BindingError
    ? malformed(thrown.status, thrown.code, thrown.message)
    : json(500, asOrbweaverError(thrown).message);
}

/** Throws NOT_READY. */
function ready(parts: SpiderpoolApiParts): Parts {
  const ipam = parts.ipam();
  if (ipam === undefined) {
    throw new OrbweaverError('NOT_READY', 'the agent is starting or stopping');
  }
  return ipam;
}

/** What fastify, or go-openapi in its place, found wrong: "the request is not valid JSON: …". */
function reasonIn({ message }: OrbweaverError): string {
  const colon = message.indexOf(': ');
  return colon < 0 ? message : message.slice(colon + 2);
}

/** A handler's answer; Go's encoder ends it with a line break. */
function json(status: number, body: unknown): Reply {
  return { status, body: `${JSON.stringify(body)}\n`, contentType: JSON_TYPE };
}

function malformed(status: number, code: number, message: string): Reply {
  return { status, body: JSON.stringify({ code, message }), contentType: JSON_TYPE };
}

function empty(status: number): Reply {
  return { status, body: '', contentType: '' };
}
