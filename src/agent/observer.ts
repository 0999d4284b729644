/** One finished CNI call becomes one log line and one observation of the metrics. */
import type { OrbweaverError } from '../catalogue/errors.ts';
import type { Log } from '../http/log.ts';
import type { Metrics } from '../http/metrics.ts';
import { VERBS } from '../ipam/request.ts';
import type { CallRecord } from '../ipam/service.ts';
import { formatAddress } from '../net/address.ts';

const KNOWN_VERBS: ReadonlySet<string> = new Set(VERBS);

/** Addresses written in one line; a GC may free very many. */
const ADDRESSES_MAX = 16;

/** Observes a call that the use-cases answered. */
export function observeCall(log: Log, metrics: Metrics, record: CallRecord): void {
  const { call, error, ms, addresses } = record;
  metrics.callAnswered(verbLabel(record.verb), outcomeOf(error), ms);
  const fields = {
    verb: record.verb,
    outcome: error?.code ?? 'ok',
    ...(call === undefined
      ? {}
      : {
          pod: `${call.args.namespace}/${call.args.pod}`,
          network: call.attachment.network,
          container: call.attachment.containerId,
          interface: call.attachment.interfaceName,
        }),
    ...(addresses.length === 0
      ? {}
      : {
          addresses: addresses.slice(0, ADDRESSES_MAX).map(formatAddress),
          addressCount: addresses.length,
        }),
    ms: Math.round(ms * 1000) / 1000,
  };
  if (error === undefined) {
    log.info(fields, 'call');
  } else if (error.code === 'INTERNAL') {
    log.error({ ...fields, error: error.message, stack: error.details }, 'call');
  } else {
    log.info({ ...fields, error: error.message, details: error.details }, 'call');
  }
}

/** Observes a call that was answered without them: malformed, too early, or late. */
export function observeUnanswered(
  log: Log,
  metrics: Metrics,
  verb: string,
  error: OrbweaverError,
  ms: number,
): void {
  metrics.callAnswered(verbLabel(verb), outcomeOf(error), ms);
  log.warn({ verb, outcome: error.code, error: error.message, ms }, 'call');
}

/** Labels come from outside, and each new value would be kept for ever. */
function verbLabel(verb: string): string {
  return KNOWN_VERBS.has(verb) ? verb : 'other';
}

function outcomeOf(error: OrbweaverError | undefined): string {
  return error === undefined ? 'ok' : String(error.row.cni);
}
