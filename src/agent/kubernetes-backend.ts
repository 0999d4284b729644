/** placeholder */
import type { Log } from '../http/log.ts';
import type { Backend } from './backend.ts';
export interface KubernetesBackendOptions {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly criSocket?: string;
}
export declare class KubernetesBackend implements Backend {
  constructor(o: KubernetesBackendOptions, log: Log);
  clock: Backend['clock'];
  commands: Backend['commands'];
  waitsFor: string;
  open: Backend['open'];
  refusal: Backend['refusal'];
  observe: Backend['observe'];
  freed: Backend['freed'];
  close: Backend['close'];
}
