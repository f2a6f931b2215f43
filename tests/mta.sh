#!/bin/sh
# Unpacks Exim and OpenSMTPD below build/mta/ for the tests.  Debian installs one mail server at a
# time, and that is Postfix here; so these two are not installed: their packages are unpacked, and
# tests/scenario/servers/ starts the programs from there, with configuration of their own.
#
#   tests/mta.sh [exim] [opensmtpd]      default: both
#
# Does nothing when they are there.  Without a network or apt it says so and ends with 0: the tests
# that need one of them are then skipped.
set -eu

ROOM=$(cd "$(dirname "$0")/.." && pwd)/build/mta

say() { printf '%s\n' "mta: $*"; }

# unpack NAME PACKAGE PROGRAM: fetches the package and unpacks it, whole or not at all.
unpack() {
    [ ! -x "$ROOM/$1/$3" ] || return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
        say "no apt here: $1 is left out, and its tests will be skipped"
        return 0
    }
    mkdir -p "$ROOM"
    work=$(mktemp -d "$ROOM/.$1.XXXXXX")
    # As root, apt would fetch as a user who may not write here.
    if ! (cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "$2") \
        >"$work/apt.out" 2>&1; then
        say "$2 cannot be fetched: $(tail -n 1 "$work/apt.out"); its tests will be skipped"
        rm -rf "$work"
        return 0
    fi
    dpkg-deb -x "$work"/"$2"_*.deb "$work/root"
    chmod 755 "$work/root"
    lacking=$(ldd "$work/root/$3" | awk '/not found/ { print $1 }')
    if [ -n "$lacking" ]; then
        say "$1 needs" $lacking "(see TEST in tests/deps.sh); its tests will be skipped"
        rm -rf "$work"
        return 0
    fi
    rm -rf "${ROOM:?}/$1"
    mv "$work/root" "$ROOM/$1"
    rm -rf "$work"
    say "$1 unpacked into $ROOM/$1"
}

[ $# -gt 0 ] || set -- exim opensmtpd
for name in "$@"; do
    case $name in
    exim) unpack exim exim4-daemon-light usr/sbin/exim4 ;;
    opensmtpd) unpack opensmtpd opensmtpd usr/sbin/smtpd ;;
    *)
        say "what is \"$name\"?  It takes: exim opensmtpd"
        exit 64
        ;;
    esac
done
