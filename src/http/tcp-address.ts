/** The optional TCP listener for metrics and health: `--listen HOST:PORT`. */
import type { Server } from 'node:http';
import { OrbweaverError } from '../catalogue/errors.ts';

export interface TcpAddress {
  /** Without brackets. Empty: every interface. */
  readonly host: string;
  /** 0: the system picks one. */
  readonly port: number;
}

/** Reads `127.0.0.1:9090`, `[::1]:9090` or `:9090`. Throws USAGE. */
export function readTcpAddress(text: string): TcpAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new OrbweaverError('USAGE', `--listen ${JSON.stringify(text)} is not HOST:PORT`);
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

/** Listens and returns the port. Throws IO_FAILURE naming the address. */
export function listenOnTcp(server: Server, { host, port }: TcpAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) =>
      reject(
        new OrbweaverError('IO_FAILURE', `cannot listen on ${host}:${port}: ${error.message}`, '', {
          cause: error,
        }),
      );
    server.once('error', refuse);
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', refuse);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
