# Shared by the scripts beside it; sourced, never run.

say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root: directly, or through sudo (which may ask, but only where somebody can answer).
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif ! command -v sudo >/dev/null; then
    die "not root and sudo is missing; run as root: $*"
  elif [ -t 0 ] && [ -z "${CI:-}" ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l \
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_SAVED=/usr/sbin/policy-rc.d.before-clarion
readonly POLICY_MARK='clarion setup: no daemon starts while packages are installed'

# Packages such as postgresql start a daemon when installed; invoke-rc.d asks policy-rc.d first, and 101 means no.
forbid_daemons() {
  if [ -e "$POLICY" ] && ! grep -qF "$POLICY_MARK" "$POLICY"; then
    as_root mv "$POLICY" "$POLICY_SAVED"
  fi
  printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
}

allow_daemons() {
  if [ -e "$POLICY" ] && grep -qF "$POLICY_MARK" "$POLICY"; then
    as_root rm -f "$POLICY"
    if [ -e "$POLICY_SAVED" ]; then as_root mv "$POLICY_SAVED" "$POLICY"; fi
  fi
}

install_packages() {
  command -v apt-get >/dev/null || die "these programs are missing and there is no apt to install them: $*"
  say "Installing system packages: $*"
  trap allow_daemons EXIT
  trap 'exit 130' INT TERM
  forbid_daemons
  apt_get update
  apt_get install --no-install-recommends "$@"
  allow_daemons
  trap - EXIT INT TERM
}

# The directory of PostgreSQL's server programs, newest first; 14 is the oldest release Clarion runs on.
postgres_bin() {
  local directory version
  for directory in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn); do
    version=$(basename "$(dirname "$directory")")
    if [ "$version" -ge 14 ] 2>/dev/null && [ -x "$directory/initdb" ]; then
      echo "$directory"
      return
    fi
  done
  return 1
}

# Ubuntu's Chromium is a snap, which cannot read the profile a test gives it: it does not count.
chromium_bin() {
  local name path
  for name in chromium google-chrome google-chrome-stable; do
    path=$(command -v "$name") || continue
    case $(readlink -f "$path") in
      */snap | /snap/*) continue ;;
    esac
    echo "$path"
    return
  done
  return 1
}
