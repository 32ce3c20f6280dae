#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: setup.sh VENV [EXTRA]
# Install the project, editable, with the packages of EXTRA (test, dev) and the versions of requirements.lock
# into the virtual environment VENV. What the build needs from Debian or Ubuntu is installed first if missing.
# PYTHON names the interpreter; without it the newest suitable one is taken.
set -eu
venv=$1 extra=${2:-}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
step() { # WHAT COMMAND...: one line, and the whole output only when it fails
    say "$1"; shift
    "$@" >"$log" 2>&1 || { cat "$log" >&2; die "failed: $*"; }
}

# Prints "VERSION EXECUTABLE LACKS", where LACKS is "old" or any of "venv dev"; fails when it does not run.
probe() {
    "$1" -c '
import os, sys
lacks = []
if sys.version_info < (3, 11):
    lacks = ["old"]
else:
    import sysconfig
    try:
        import ensurepip, ssl, venv, zlib
    except ImportError:
        lacks.append("venv")
    if not os.path.exists(os.path.join(sysconfig.get_config_var("INCLUDEPY"), "Python.h")):
        lacks.append("dev")
print("%d.%d %s %s" % (sys.version_info[0], sys.version_info[1], os.path.realpath(sys.executable), " ".join(lacks)))
' 2>/dev/null
}

choose_python() { # sets python, version and lacks: the first that lacks nothing, else the first that is new enough
    python='' found=''
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3.13 python3.12 python3.11 python3; fi
    for name; do
        answer=$(probe "$name") || continue
        rest=${answer#* }
        case $answer in
            *" old") found="$found, $name is ${answer%% *}" ;;
            *" ") python=${rest%% *} version=${answer%% *} lacks=''; return ;;
            *) [ -n "$python" ] || { python=${rest%% *} version=${answer%% *} lacks=${rest#* }; } ;;
        esac
    done
    [ -n "$python" ] || die "Python 3.11 or newer is needed${found:-; tried: $*} (PYTHON=/path/to/python3 names another)"
}

find_missing() { # sets missing: Debian packages
    missing=''
    { command -v gcc && [ -e /usr/include/stdio.h ]; } >/dev/null || missing="$missing gcc libc6-dev"
    command -v swig >/dev/null || missing="$missing swig"
    command -v pkg-config >/dev/null || missing="$missing pkg-config"
    [ -e /usr/include/PCSC/winscard.h ] || missing="$missing libpcsclite-dev"
    for part in $lacks; do
        case $python in
            /usr/bin/*) missing="$missing python$version-$part" ;;
            *) die "$python has no $part module or headers: rebuild it, or name another with PYTHON=/path/to/python3" ;;
        esac
    done
}

install_missing() {
    again="then run this again"
    command -v apt-get >/dev/null || die "missing (Debian's names):$missing; install them, $again"
    if [ "$(id -u)" = 0 ]; then root=''
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then root=sudo
    else die "missing:$missing; as root: apt-get install$missing; $again"
    fi
    apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300"
    step "installing$missing" sh -c "$apt update; $apt install --no-install-recommends$missing"
}

cd "$(dirname "$0")/.."
choose_python
find_missing
[ -z "$missing" ] || install_missing
if ! "$venv/bin/python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version' and (
        '${PYTHON:-}' != '' or sys.version_info < (3, 11)))" 2>/dev/null; then
    step "making $venv with Python $version" "$python" -m venv --clear "$venv"
fi
step "installing the project${extra:+ and its packages for $extra} into $venv" \
    "$venv/bin/python" -m pip --disable-pip-version-check install --no-compile -c requirements.lock -e ".${extra:+[$extra]}"
case $extra in
    dev) touch "$venv/.run" "$venv/.test" "$venv/.dev" ;;
    test) touch "$venv/.run" "$venv/.test" ;;
    *) touch "$venv/.run" ;;
esac
