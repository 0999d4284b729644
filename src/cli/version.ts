/** `orbweaver version`. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { AgentResponse, ServerResponse } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { declareCommand, withTarget } from './command.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

/** The version in package.json, which is two folders above this file and above its compiled form. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Declares `orbweaver version`; its action writes to the shell. */
export function versionCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'version',
    summary: 'Print the versions of this command and of the agent, or of the API server',
    examples: ['version', 'version --socket ./run/cni.sock', 'version --kubeconfig ~/.kube/config'],
  });
  return withTarget(command).action(async (options: TargetOptions) => {
    if (shell.face === 'calicoctl') {
      shell.terminal.out(`Client Version:    v${ownVersion()}\n`);
      return;
    }
    shell.terminal.out(`orbweaver ${ownVersion()} (Node ${process.versions.node})\n`);
    if (options.kubeconfig !== undefined) {
      const { url, version } = await shell.agent(options).get<ServerResponse>('/v1/server');
      shell.terminal.out(`API server ${url}, Kubernetes ${version}\n`);
      return;
    }
    try {
      const agent = await shell.agent(options).get<AgentResponse>('/v1/agent');
      const state = agent.ready ? 'ready' : 'not ready';
      shell.terminal.out(`agent ${agent.version} on node ${agent.node}, ${state}\n`);
    } catch (error) {
      if (!(error instanceof OrbweaverError) || error.code !== 'AGENT_UNREACHABLE') {
        throw error;
      }
      shell.terminal.out(`no agent: ${error.message}\n`);
    }
  });
}
