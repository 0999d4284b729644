#!/bin/sh
# Takes Orbweaver out of a cluster so that nothing hangs: see --help.
set -eu

usage() {
  cat <<'HELP'
usage: uninstall.sh [--force] [--purge] [-k FOLDER] [-- KUBECTL-OPTION...]

Removes what `kubectl apply -k deploy/` installed. Nothing is left that waits for a
program which is gone: finalizers are taken off first.

  --force     also while pods hold addresses; each of them stays in Terminating
              later, until an agent answers its DEL again
  --purge     also the kinds that the controller made, with every pool in them; kinds
              of Spiderpool or Calico stay in any case
  -k FOLDER   the kustomization that was applied (default: the folder of this script)
  -- OPTION   further options of kubectl, such as --kubeconfig FILE or --context NAME
  --help      this text

Before: let the pods have another network (docs/kubernetes.md, "Uninstall"). The plugin
and the state folder stay on the nodes:
  rm -rf /opt/cni/bin/orbweaver /run/orbweaver /var/lib/orbweaver
HELP
}

say() { echo "uninstall: $1"; }
refuse() {
  echo "uninstall: $1" >&2
  exit 1
}

force=no
purge=no
folder=$(dirname "$0")
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --force) force=yes ;;
    --purge) purge=yes ;;
    -k) [ $# -gt 1 ] || refuse "-k needs a folder"; folder=$2; shift ;;
    --) shift; break ;;
    *) refuse "unknown option $1; see --help" ;;
  esac
  shift
done
# What is left of the command line are options of kubectl.
k() { kubectl "$@"; }
if [ $# -gt 0 ]; then
  options=
  for option in "$@"; do options="$options '$(printf %s "$option" | sed "s/'/'\\\\''/g")'"; done
  k() { eval "kubectl $options \"\$@\""; }
fi

k version >/dev/null 2>&1 || refuse "the API server does not answer: $(k version 2>&1 | tail -n 1)"

# One line for each address that is held: the second character of a claim's line says so.
lines='{{range .items}}{{range .spec.slots}}{{.}}{{"\n"}}{{end}}{{end}}'
if k get crd ipblocks.ipam.orbweaver.dev >/dev/null 2>&1; then
  held=$(k get ipblocks.ipam.orbweaver.dev -o go-template="$lines" | grep -c '^[0-9]*c' || true)
  if [ "$held" != 0 ] && [ $force = no ]; then
    refuse "$held addresses are still held; let their pods have another network first, or say --force"
  fi
fi

say "agents and controllers"
k -n orbweaver delete daemonset,deployment -l app.kubernetes.io/part-of=orbweaver \
  --ignore-not-found --cascade=foreground --timeout=120s

# Takes our finalizer off every object of a kind, and leaves those of others.
release() {
  kind=$1
  ours=$2
  k get "$kind" -o go-template='{{range .items}}{{.metadata.name}}{{"\n"}}{{end}}' | while read -r name; do
    others=$(k get "$kind" "$name" --ignore-not-found -o go-template="{{range .metadata.finalizers}}{{if ne . \"$ours\"}}\"{{.}}\",{{end}}{{end}}")
    k patch "$kind" "$name" --type=merge -p "{\"metadata\":{\"finalizers\":[${others%,}]}}" >/dev/null ||
      [ -z "$(k get "$kind" "$name" --ignore-not-found -o name)" ]
  done
}

# On kinds of Spiderpool and Calico too: where they still run, they put their finalizer on again, and where they do not
# nobody else would ever take it off.
for kind in spiderippools.spiderpool.spidernet.io ippools.spiderpool.spidernet.io \
  ippools.projectcalico.org ippools.crd.projectcalico.org; do
  if k get "$kind" -o name >/dev/null 2>&1; then
    say "finalizers of $kind"
    case $kind in
      *.spidernet.io) release "$kind" spiderpool.spidernet.io ;;
      *) release "$kind" projectcalico.org/ippool-finalizer ;;
    esac
  fi
done
made=$(k get crd -l app.kubernetes.io/managed-by=orbweaver -o go-template='{{range .items}}{{.metadata.name}}{{"\n"}}{{end}}')
if k get crd ipblocks.ipam.orbweaver.dev >/dev/null 2>&1; then
  say "the ledger"
  release ipblocks.ipam.orbweaver.dev ipam.orbweaver.dev/claims
fi

say "everything else of $folder"
k delete -k "$folder" --ignore-not-found --timeout=120s

if [ $purge = yes ] && [ -n "$made" ]; then
  say "the kinds that were made, and their objects"
  # shellcheck disable=SC2086 # names without blanks, one word each
  k delete crd $made --ignore-not-found --timeout=120s
fi
say "done"
