/**
 * Requests to an API server over TLS: our client, which keeps its connections, beside the library's own way, which
 * opens one for every request. The server is a small one in this process, so that what is measured is the way there;
 * both clients do the same work against it, in turn.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { KubeObject } from '../src/dialect/kube-object.ts';
import { ApiServer } from '../src/kube/api-server.ts';
import { KubeObjects } from '../src/kube/objects.ts';
import { answer, ScriptedApiServer } from '../test/support/scripted-api-server.ts';
import { type Bench, Checksum, median, type Row, type Size } from './harness.ts';

const SIZES: Readonly<Record<Size, { rounds: number; requests: number }>> = {
  smoke: { rounds: 1, requests: 20 },
  full: { rounds: 7, requests: 300 },
};

/** How a client asks for the namespace of a number; the bytes of its name say that it got it. */
type Ask = (number: number) => Promise<string>;

interface Measured {
  readonly microseconds: number;
  readonly connections: number;
  readonly checksum: string;
}

export const bench: Bench = {
  name: 'kube-connections',
  async run(size) {
    const folder = mkdtempSync(join(tmpdir(), 'orbweaver-bench-'));
    const server = await ScriptedApiServer.start({ tls: true });
    server.script = ({ path }, response) => {
      server.requests.length = 0;
      answer(response, 200, namespaceOf(path.split('/').at(-1) ?? ''));
    };
    const kubeconfig = server.kubeconfig(folder, { token: 'abc' });
    const api = ApiServer.fromKubeconfig(kubeconfig);
    try {
      const asks = { ours: ourAsk(api), beside: libraryAsk(kubeconfig) };
      return [
        ...(await compare(server, asks, SIZES[size], 1)),
        ...(await compare(server, asks, SIZES[size], 16)),
      ];
    } finally {
      await api.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function compare(
  server: ScriptedApiServer,
  asks: { readonly ours: Ask; readonly beside: Ask },
  { rounds, requests }: { readonly rounds: number; readonly requests: number },
  atOnce: number,
): Promise<Row[]> {
  const runs: Record<'ours' | 'beside', Measured[]> = { ours: [], beside: [] };
  for (let round = -1; round < rounds; round += 1) {
    for (const who of ['ours', 'beside'] as const) {
      const measured = await measure(server, asks[who], requests, atOnce);
      // The first round warms up and is not counted.
      if (round >= 0) runs[who].push(measured);
    }
  }
  const figure = (who: 'ours' | 'beside', of: 'microseconds' | 'connections') =>
    median(runs[who].map((run) => run[of]));
  const checksum = `${runs.ours[0]!.checksum}/${runs.beside[0]!.checksum}`;
  const how = atOnce === 1 ? 'one after the other' : `${atOnce} at once`;
  const row = (
    work: string,
    of: 'microseconds' | 'connections',
    unit: string,
    value: number,
  ): Row => {
    const ours = figure('ours', of);
    const beside = figure('beside', of);
    return {
      ...{ work, ours, beside, besideName: 'client-node as it is', unit, checksum },
      // With every connection kept from the round before, none was opened.
      ratio: beside / Math.max(ours, 1),
      target: { comparison: '≥', value },
    };
  };
  return [
    row(`GET over TLS, ${how}`, 'microseconds', 'µs each', 1.5),
    row(`connections for ${requests} GETs, ${how}`, 'connections', 'opened', requests / 20),
  ];
}

async function measure(
  server: ScriptedApiServer,
  ask: Ask,
  requests: number,
  atOnce: number,
): Promise<Measured> {
  const before = server.connections;
  const begin = performance.now();
  const names: string[] = new Array(requests);
  let next = 0;
  const worker = async () => {
    for (let number = next++; number < requests; number = next++) {
      names[number] = await ask(number);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const taken = performance.now() - begin;
  const checksum = new Checksum().addAll(Buffer.from(names.join()));
  return {
    microseconds: (taken * 1_000) / requests,
    connections: server.connections - before,
    checksum: checksum.toString(),
  };
}

function ourAsk(api: ApiServer): Ask {
  const objects = new KubeObjects(api);
  return async (number) => {
    const outcome = await objects.get('Namespace', { name: `n-${number}` });
    return outcome.kind === 'ok' ? outcome.value.metadata.name : outcome.kind;
  };
}

function libraryAsk(kubeconfig: string): Ask {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  return async (number) => {
    const { metadata } = await core.readNamespace({ name: `n-${number}` });
    return metadata?.name ?? '';
  };
}

function namespaceOf(name: string): KubeObject {
  const labels = { 'kubernetes.io/metadata.name': name };
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
    status: { phase: 'Active' },
  };
}
