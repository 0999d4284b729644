/**
 * A program: accepts connections on the socket that its parent sends and carries their bytes to a host and port. The
 * socket belongs to the namespace where it was made, the connections to the namespace where this runs.
 */
import { connect, type Server, type Socket } from 'node:net';

const [host, port] = process.argv.slice(2) as [string, string];

function carry(client: Socket): void {
  const server = connect(Number(port), host);
  client.setNoDelay(true);
  server.setNoDelay(true);
  client.pipe(server);
  server.pipe(client);
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
}

process.on('message', (_message, listening) => {
  (listening as Server).on('connection', carry);
  process.send?.('listening');
});
process.send?.('ready');
