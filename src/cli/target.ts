/** Which agent or API server a command line means. */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { OrbweaverError } from '../catalogue/errors.ts';
import { parseValues } from '../dialect/manifest.ts';

/** Where the plugin and the CLI look for the agent unless told otherwise (DESIGN section 8). */
export const DEFAULT_SOCKET = '/run/orbweaver/cni.sock';

export interface TargetOptions {
  readonly socket?: string;
  readonly kubeconfig?: string;
  /** calicoctl's own configuration file. */
  readonly config?: string;
}

/** The two names that the command is installed under. */
export type Face = 'orbweaver' | 'calicoctl';

export type Target =
  | { readonly kind: 'agent'; readonly socket: string }
  | { readonly kind: 'cluster'; readonly kubeconfig: string };

/** What decides, beside the options. */
export interface TargetPlace {
  /** Relative names start here. */
  readonly folder: string;
  readonly face: Face;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * `--kubeconfig`, else `--socket`. Without either an agent's socket, $ORBWEAVER_SOCKET first; as `calicoctl` before
 * that what calicoctl looks at: its configuration file, $KUBECONFIG, and $DATASTORE_TYPE. Throws USAGE for options
 * that exclude each other and for a configuration file that cannot be read.
 */
export function targetOf(options: TargetOptions, place: TargetPlace): Target {
  const { socket, kubeconfig } = options;
  if (socket !== undefined && kubeconfig !== undefined) {
    throw new OrbweaverError('USAGE', '--socket and --kubeconfig exclude each other');
  }
  const file =
    kubeconfig ??
    (socket === undefined && place.face === 'calicoctl'
      ? calicoctlFile(options, place)
      : undefined);
  return file === undefined
    ? { kind: 'agent', socket: socketPath(socket, place) }
    : { kind: 'cluster', kubeconfig: resolve(place.folder, file) };
}

/** The socket's absolute path: as given, else $ORBWEAVER_SOCKET, else where the plugin looks. */
export function socketPath(
  given: string | undefined,
  { folder, environment }: Pick<TargetPlace, 'folder' | 'environment'>,
): string {
  return resolve(folder, given ?? (environment.ORBWEAVER_SOCKET || DEFAULT_SOCKET));
}

/** The kubeconfig that calicoctl would use; undefined where nothing says that a cluster is meant. */
function calicoctlFile({ config }: TargetOptions, place: TargetPlace): string | undefined {
  const { KUBECONFIG, DATASTORE_TYPE } = place.environment;
  const named = config === undefined ? undefined : kubeconfigIn(resolve(place.folder, config));
  const [first] = (KUBECONFIG ?? '').split(delimiter).filter((path) => path !== '');
  const usual = DATASTORE_TYPE === 'kubernetes' ? join(homedir(), '.kube/config') : undefined;
  return named ?? first ?? usual;
}

/** `spec.kubeconfig` of a CalicoAPIConfig. */
function kubeconfigIn(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new OrbweaverError('USAGE', `--config: ${(error as Error).message}`);
  }
  const [document] = parseValues(text, file) as ({ spec?: { kubeconfig?: unknown } } | null)[];
  const kubeconfig = document?.spec?.kubeconfig;
  return typeof kubeconfig === 'string' && kubeconfig !== '' ? kubeconfig : undefined;
}
