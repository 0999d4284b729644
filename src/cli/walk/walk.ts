/** The walk through tutorials: for each an agent with an empty store, and every command of the tutorial. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OrbweaverError } from '../../catalogue/errors.ts';
import { PACKAGE_FOLDER } from '../package-folder.ts';
import type { Shell } from '../shell.ts';
import { ownVersion } from '../version.ts';
import { AgentChild, agentArguments } from './agent-child.ts';
import { ContainerRuntime } from './container-runtime.ts';
import { Guide, type RunCommand } from './guide.ts';
import { Narrator, shellLine } from './narrator.ts';
import { ownCallLines } from './own-call.ts';
import { podAffinity } from './pod-affinity.ts';
import { PodNetwork } from './pod-network.ts';
import { chooseStories } from './stories.ts';
import type { Story } from './story.ts';

export interface WalkOptions {
  /** Names of walks; none: the first two. */
  readonly names: readonly string[];
  /** End after the walk; otherwise an agent stays up until it is interrupted. */
  readonly once: boolean;
  /** False: no network namespaces, even where they could be made. */
  readonly namespaces: boolean;
}

const PLUGINS = join(PACKAGE_FOLDER, 'build/cni');
const BUILT = ['build/cni/spiderpool', 'build/engine.wasm', 'build/engine-simd.wasm'];
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What a shell says of a command that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;
const REMOVED = 'Everything that the walk had made is removed.\n';

/**
 * Resolves to the exit code: 0, 1 where something came out differently, 130 after an interrupt. Whatever
 * happens, no process, namespace or file of it is left. Throws USAGE, and IO_FAILURE where parts are not built.
 */
export async function walk(
  shell: Shell,
  options: WalkOptions,
  runCommand: RunCommand,
): Promise<number> {
  const stories = chooseStories(options.names);
  refuseUnbuilt();
  const interrupt = new AbortController();
  // Not `once`: npm passes on the signal that the terminal sends as well.
  const onSignal = () => interrupt.abort(new Interrupted());
  for (const signal of INTERRUPTS) {
    process.on(signal, onSignal);
  }
  try {
    const code = await new Walk(shell, options, runCommand, interrupt.signal).run(stories);
    shell.terminal.out(REMOVED);
    return code;
  } catch (error) {
    if (error instanceof Interrupted) {
      shell.terminal.out(`\nInterrupted. ${REMOVED}`);
      return EXIT_INTERRUPTED;
    }
    throw error;
  } finally {
    for (const signal of INTERRUPTS) {
      process.off(signal, onSignal);
    }
  }
}

class Interrupted extends Error {}

function refuseUnbuilt(): void {
  const missing = BUILT.filter((path) => !existsSync(join(PACKAGE_FOLDER, path)));
  if (missing.length > 0) {
    const how = 'npm run -s build, or npm start, which builds first';
    throw new OrbweaverError('IO_FAILURE', `not built yet: ${missing.join(', ')}`, how);
  }
}

class Walk {
  readonly #options: WalkOptions;
  readonly #runCommand: RunCommand;
  readonly #interrupt: AbortSignal;
  readonly #narrator: Narrator;

  constructor(shell: Shell, options: WalkOptions, runCommand: RunCommand, interrupt: AbortSignal) {
    this.#options = options;
    this.#runCommand = runCommand;
    this.#interrupt = interrupt;
    this.#narrator = new Narrator(shell.terminal);
  }

  async run(stories: readonly Story[]): Promise<number> {
    const began = performance.now();
    await using stack = new AsyncDisposableStack();
    const scratch = mkdtempSync(join(tmpdir(), 'orbweaver-walk-'));
    stack.defer(() => rmSync(scratch, { recursive: true, force: true }));
    const network = stack.use(await PodNetwork.open(PLUGINS, this.#options.namespaces));
    this.#narrator.say(
      `Orbweaver ${ownVersion()} on Node ${process.versions.node} walks through ` +
        `${stories.map(({ name }) => name).join(', ')}.`,
      network.description,
      'In a checkout, `orbweaver` stands for `npm run -s orbweaver --`.',
    );
    let failures = 0;
    for (const [index, story] of stories.entries()) {
      this.#narrator.title(`Walk ${index + 1} of ${stories.length}, ${story.name}: ${story.title}`);
      failures += await this.#tell(story, join(scratch, `walk-${index + 1}`), network);
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const verdict = failures === 0 ? 'as expected' : `${failures} things NOT as expected`;
    this.#narrator.say('', '', `Walked in ${seconds} s: ${verdict}.`);
    if (!this.#options.once) {
      await this.#stay(join(scratch, 'stay'), network);
    }
    return failures === 0 ? 0 : 1;
  }

  /** Resolves to how many things came out differently. */
  async #tell(story: Story, folder: string, network: PodNetwork): Promise<number> {
    await using stack = new AsyncDisposableStack();
    const guide = await this.#open(stack, story, folder, network);
    // Awaited here: what the stack holds goes when this function is left.
    return await guide.perform();
  }

  /** Starts an agent with an empty store, and a runtime that uses it; both go with `stack`. */
  async #open(
    stack: AsyncDisposableStack,
    story: Story,
    folder: string,
    network: PodNetwork,
  ): Promise<Guide> {
    this.#interrupt.throwIfAborted();
    const narrator = this.#narrator;
    narrator.chapter('An agent with an empty store.');
    narrator.command(`cd ${shellLine([join('examples', story.folder)])}`);
    narrator.command(`orbweaver ${shellLine(agentArguments(folder, story.node))} &`);
    const { agent, ready } = await AgentChild.start(folder, story.node);
    stack.use(agent);
    narrator.inner.out(`${ready}\n`);
    narrator.command(`export ORBWEAVER_SOCKET=${shellLine([agent.socket])}`);
    const runtime = stack.use(new ContainerRuntime(network, agent.socket, story.calledAs));
    return new Guide({
      story,
      narrator,
      socket: agent.socket,
      runtime,
      runCommand: this.#runCommand,
      interrupt: this.#interrupt,
    });
  }

  /** A last fresh agent with the second example applied, until Ctrl-C. */
  async #stay(folder: string, network: PodNetwork): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const story = podAffinity;
    this.#narrator.title(`Your turn: a fresh agent with examples/${story.folder} applied`);
    const guide = await this.#open(stack, story, folder, network);
    const files = ['nodes.yaml', 'static-ipv4-ippool.yaml', 'static-ippool-deploy.yaml'];
    await guide.command(['apply', ...files.flatMap((file) => ['-f', file])]);
    await guide.command(['get', 'sp']);
    await guide.command(['get', 'pods']);
    const [pod] = await guide.pods('static-ippool-deploy');
    const socket = join(folder, 'cni.sock');
    this.#narrator.say('', ...ownCallLines(socket, pod!), '');
    this.#narrator.say('The agent stays up. Ctrl-C stops it and removes everything.');
    await untilAborted(this.#interrupt);
    this.#narrator.say('');
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    // A pending promise alone does not keep the process up; the agent's pipe does.
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
