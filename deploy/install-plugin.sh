#!/bin/sh
# Installs the CNI plugin so that a runtime never meets half a file: see --help.
set -eu

usage() {
  cat <<'HELP'
usage: install-plugin.sh [--from FILE] [--name NAME]... [--replace | --keep-others] [--no-check] [FOLDER]

Puts the Orbweaver CNI plugin into FOLDER (default /opt/cni/bin), where container runtimes
look for plugins, under the names orbweaver, spiderpool and calico-ipam. A network config
finds it by its ipam.type.

  --from FILE   the plugin to install (default: build/cni/orbweaver of this checkout)
  --name NAME   only this name; may be repeated
  --replace     also where a program of somebody else lies under a name
  --keep-others leave such a name to its program, and install the others
  --no-check    do not start the plugin before installing it (for another processor)
  --help        this text

Each file is written beside the old one, synced and renamed. Nothing is changed when the
plugin does not run here, or when a name is taken by another program (Spiderpool's or
Calico's own plugin) and neither --replace nor --keep-others is given.

examples:
  deploy/install-plugin.sh
  deploy/install-plugin.sh --name orbweaver /usr/lib/cni
  deploy/install-plugin.sh --from build/cni/arm64/orbweaver --no-check /mnt/image/opt/cni/bin
HELP
}

refuse() {
  echo "install-plugin: $1" >&2
  exit 1
}

from=$(dirname "$0")/../build/cni/orbweaver
folder=
names=
others=refuse
check=yes
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --from) [ $# -gt 1 ] || refuse "--from needs a file"; from=$2; shift ;;
    --name)
      case ${2-} in
        orbweaver | spiderpool | calico-ipam) names="$names $2" ;;
        *) refuse "--name is one of orbweaver, spiderpool, calico-ipam" ;;
      esac
      shift
      ;;
    --replace) others=replace ;;
    --keep-others) others=keep ;;
    --no-check) check=no ;;
    -*) refuse "unknown option $1; see --help" ;;
    *) [ -z "$folder" ] || refuse "more than one folder: $folder and $1"; folder=$1 ;;
  esac
  shift
done
: "${folder:=/opt/cni/bin}" "${names:=orbweaver spiderpool calico-ipam}"

[ -f "$from" ] || refuse "there is no plugin at $from; build it with: npm run build"
if [ "$check" = yes ] && ! CNI_COMMAND=VERSION "$from" </dev/null >/dev/null 2>&1; then
  refuse "$from does not run on this machine; is it built for another processor? (--no-check)"
fi
# The plugin's own texts name the agent's unit; no other plugin's do.
free=
for name in $names; do
  if [ $others != replace ] && [ -e "$folder/$name" ] && ! grep -q orbweaver-agent "$folder/$name"; then
    [ $others = keep ] || refuse "$folder/$name is another program; nothing was changed (--replace takes its place)"
    echo "kept $folder/$name, which is another program"
  else
    free="$free $name"
  fi
done

mkdir -p "$folder"
unfinished=$folder/.orbweaver-install.$$
trap 'rm -f "$unfinished"' EXIT
trap 'exit 1' HUP INT TERM
for name in $free; do
  dd if="$from" of="$unfinished" bs=65536 conv=fsync 2>/dev/null || refuse "cannot write in $folder"
  chmod 755 "$unfinished"
  mv -f "$unfinished" "$folder/$name"
  echo "installed $folder/$name"
done
# The renames are durable once the folder is; an older sync without operands syncs everything.
sync "$folder" 2>/dev/null || sync
