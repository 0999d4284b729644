/**
 * A unix socket that only its owner can reach, at a path that survives a killed predecessor.
 *
 * | at the path | what happens |
 * |---|---|
 * | nothing | the folder is made (0700), the socket bound (0600) |
 * | a socket that nobody listens on | replaced |
 * | a socket that somebody listens on | refused: SOCKET_IN_USE |
 * | anything else | refused: IO_FAILURE; it is not ours to delete |
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { connect, type Server } from 'node:net';
import { basename, dirname } from 'node:path';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';

const FOLDER_MODE = 0o700;
/** With it, `bind` makes the socket 0600. */
const SOCKET_UMASK = 0o177;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** Listens on `path`. Throws SOCKET_IN_USE, IO_FAILURE or USAGE, each naming the path. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > LIMITS.socketPathBytesMax) {
    throw new OrbweaverError(
      'USAGE',
      `the socket path ${path} is longer than ${LIMITS.socketPathBytesMax} bytes`,
    );
  }
  try {
    prepareFolder(path);
    await removeStale(path);
    await bind(server, path);
  } catch (error) {
    throw asListenError(error, path);
  }
}

function prepareFolder(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  const { mode, uid } = statSync(folder);
  if ((mode & 0o777) === FOLDER_MODE) {
    return;
  }
  if (uid === process.getuid?.() && holdsOnlySockets(folder, basename(path))) {
    chmodSync(folder, FOLDER_MODE);
    return;
  }
  // The socket's own mode keeps others from connecting, but they could put one of their own in its
  // place.
  if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0) {
    throw new OrbweaverError(
      'IO_FAILURE',
      `other users can write to the socket folder ${folder}`,
      'give the socket a folder of its own, with mode 0700',
    );
  }
}

/**
 * A folder with nothing else in it is the socket's own, whoever made it (systemd's
 * RuntimeDirectory, say).
 */
function holdsOnlySockets(folder: string, name: string): boolean {
  return readdirSync(folder).every((entry) => entry.startsWith(name));
}

/**
 * Two agents may find the same stale socket. The file is therefore moved aside before it is deleted
 * and tried once more there: what turns out to be alive is the other's new socket, and goes back.
 */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    return;
  }
  if (!found.isSocket()) {
    throw new OrbweaverError(
      'IO_FAILURE',
      `${path} exists and is not a socket`,
      'move it away, or give --socket another path',
    );
  }
  await refuseLive(path, path);
  const aside = `${path}.stale-${process.pid}`;
  renameSync(path, aside);
  try {
    await refuseLive(aside, path);
  } catch (error) {
    renameSync(aside, path);
    throw error;
  }
  rmSync(aside, { force: true });
}

async function refuseLive(path: string, named: string): Promise<void> {
  if (await somebodyListens(path)) {
    throw new OrbweaverError(
      'SOCKET_IN_USE',
      `another agent answers on ${named}`,
      'stop it, or give this one a --socket of its own',
    );
  }
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') {
        resolve(false);
      } else if (error.code === 'EAGAIN') {
        // Its backlog is full: busy, so alive.
        resolve(true);
      } else {
        reject(error);
      }
    });
  });
}

/** `listen` binds before it returns, so the umask covers exactly that call. */
function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const umask = process.umask(SOCKET_UMASK);
    try {
      server.listen({ path, backlog: LIMITS.listenBacklog, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

function asListenError(error: unknown, path: string): OrbweaverError {
  if (error instanceof OrbweaverError) {
    return error;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new OrbweaverError('SOCKET_IN_USE', `another agent took ${path} just now`, message);
  }
  return new OrbweaverError('IO_FAILURE', `cannot listen on ${path}: ${message}`, '', {
    cause: error,
  });
}
