/** The release of Kubernetes that cluster tests run, and where its programs are kept once they are built. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The last minor release whose kubelet accepts cgroup v1, and the etcd that it was made for. */
export const KUBERNETES_RELEASE = '1.34.4';
export const ETCD_RELEASE = '3.6.4';

/** Program → the Go package that it is built from (test/cluster/control-plane/go.mod). */
export const PROGRAMS = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
} as const;

export type Program = keyof typeof PROGRAMS;

/** Outside the tree, so that clones share it. */
export function cacheFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'orbweaver', `kubernetes-${KUBERNETES_RELEASE}-etcd-${ETCD_RELEASE}`);
}
