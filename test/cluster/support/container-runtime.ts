/** containerd on a node, in folders of the node's own, as a machine without systemd and CAP_SYS_RESOURCE wants it. */
import { writeFileSync } from 'node:fs';
import { SANDBOX_IMAGE } from './images.ts';
import type { NodeRoot } from './node-root.ts';

/** As the node sees it. */
export const RUNTIME_SOCKET = '/run/containerd/containerd.sock';

/** Writes its configuration and gives its command line. */
export function runtimeCommand(root: NodeRoot): string[] {
  const file = '/run/containerd/config.toml';
  writeFileSync(root.outside(file), CONFIG);
  return ['containerd', '--config', file];
}

const CONFIG = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "${RUNTIME_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${SANDBOX_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;
