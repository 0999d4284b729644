/** Plain HTTPS to an API server, for what the harness itself asks; the product's own client is under test. */
import { Agent, request } from 'node:https';

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

const agents = new Map<string, Agent>();

/** Rejects where nobody answers within the time. */
export function askApi(
  target: { readonly url: string; readonly authorityPem: string; readonly token: string },
  method: string,
  path: string,
  body?: string,
  contentType = 'application/json',
  waitMs = 10_000,
): Promise<ApiAnswer> {
  let agent = agents.get(target.authorityPem);
  if (agent === undefined) {
    agent = new Agent({ ca: target.authorityPem, keepAlive: false });
    agents.set(target.authorityPem, agent);
  }
  const headers = {
    authorization: `Bearer ${target.token}`,
    ...(body === undefined ? {} : { 'content-type': contentType }),
  };
  const options = { agent, method, headers, signal: AbortSignal.timeout(waitMs) };
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, target.url), options, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('end', () => resolve({ status: incoming.statusCode!, text }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
