/**
 * A program: listens on a host and port of the namespace where it runs, sends the listening socket to its parent, and
 * ends. What the parent accepts on it comes from that namespace.
 */
import { createServer } from 'node:net';

const [host, port] = process.argv.slice(2) as [string, string];
const server = createServer();
server.listen(Number(port), host, () => process.send?.('socket', server));
process.on('message', () => process.exit(0));
