#!/bin/sh
# Installs from Debian what postern is built, tested and checked with.
#
#   tests/deps.sh [build] [test] [lint]      default: all three
#   tests/deps.sh desktop                    what pictures for doc/ are taken with
#   tests/deps.sh bench                      what make bench compares with, where it is there
#
# Only what is missing is installed, and nothing is asked.  The servers among it are for private
# instances of the tests: none of those installed here is started, and none stays enabled.  What was
# installed before, with its services, is left alone; no package is ever removed.
set -eu

BUILD="gcc make pkg-config libc6-dev libevent-dev libexpat1-dev libesmtp-dev libetpan-dev
       libconfuse-dev libidn-dev libidn2-dev libgsasl-dev libssl-dev libsqlite3-dev libxml2-dev
       libcurl4-gnutls-dev"
TEST="libcmocka-dev prosody ejabberd jabberd2 dovecot-core dovecot-imapd postfix openssl python3
      python3-pytest python3-pytest-xdist python3-slixmpp gnupg util-linux
      libgnutls-dane0 libidn12 libnsl2 libpcre2-8-0 libpam0g libdb5.3" # the last six: tests/mta.sh
DESKTOP="psi-plus xvfb openbox xdotool imagemagick pngquant optipng chromium fonts-noto-core"
BENCH="go-sendxmpp"
LINT="clang libclang-rt-dev clang-format clang-tidy cppcheck mandoc"

POLICY=/usr/sbin/policy-rc.d
POLICY_SAVED=$POLICY.before-postern
MARK="postern tests/deps.sh"

say() { printf '%s\n' "deps: $*"; }

installed() { # is each of the packages installed?
    [ "$(dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | sort -u)" = installed ]
}

all_installed() {
    dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' 2>/dev/null |
        sed -n 's/^installed //p' | sort
}

other_mta() { # the mail-transport-agent that is installed and is not Postfix
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
        awk '$1 == "installed" && $2 != "postfix" && / mail-transport-agent/ { print $2; exit }'
}

want=""
[ $# -gt 0 ] || set -- build test lint
for group in "$@"; do
    case $group in
    build) want="$want $BUILD" ;;
    test) want="$want $TEST" ;;
    lint) want="$want $LINT" ;;
    desktop) want="$want $DESKTOP" ;;
    bench) want="$want $BENCH" ;;
    *)
        say "what is \"$group\"?  It takes: build test lint desktop bench"
        exit 64
        ;;
    esac
done

missing=""
for package in $want; do
    installed "$package" || missing="$missing $package"
done

case " $missing " in
*" postfix "*)
    mta=$(other_mta)
    if [ -n "$mta" ]; then
        say "$mta is this machine's mail server and would have to go for Postfix, so Postfix is" \
            "left out; the scenarios that need it will be skipped"
        missing=$(printf '%s' "$missing" | sed 's/ postfix\( \|$\)/\1/')
    fi
    ;;
esac

# Has a run that was killed left our file in the place of somebody's?
left_over() {
    [ -e "$POLICY_SAVED" ] || [ -L "$POLICY_SAVED" ] || grep -qs "$MARK" "$POLICY"
}

if [ -z "$missing" ]; then
    [ "$(id -u)" = 0 ] && left_over || exit 0
elif [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1; then
        exec sudo -- /bin/sh "$0" "$@"
    fi
    say "missing:$missing"
    say "neither root nor sudo: as root, run  sh $0 $*"
    exit 77
fi

# Debian starts a service when its package is configured, unless this file says no.  One that was
# there, and what a run that was killed has left, are put right again.
restore_policy() {
    if [ -e "$POLICY_SAVED" ] || [ -L "$POLICY_SAVED" ]; then
        mv -f "$POLICY_SAVED" "$POLICY"
    elif grep -qs "$MARK" "$POLICY"; then
        rm -f "$POLICY"
    fi
}

forbid_starts() {
    restore_policy
    if [ -e "$POLICY" ] || [ -L "$POLICY" ]; then
        mv "$POLICY" "$POLICY_SAVED"
    fi
    printf '#!/bin/sh\n# %s: no service starts meanwhile\nexit 101\n' "$MARK" >"$POLICY"
    chmod 755 "$POLICY"
}

# Takes the services of a package that was not there before out of the boot, for systemd and for
# rc.d.
disable_services() {
    dpkg -L "$1" 2>/dev/null |
        sed -n -E 's,^(/usr)?/lib/systemd/system/([^/@]*[.](service|socket|timer|path))$,\2,p' |
        while read -r unit; do
            if command -v systemctl >/dev/null 2>&1; then
                systemctl --no-reload --root=/ disable "$unit" >/dev/null 2>&1 || true
            fi
        done
    dpkg -L "$1" 2>/dev/null | sed -n 's|^/etc/init\.d/||p' |
        while read -r service; do
            update-rc.d "$service" disable >/dev/null 2>&1 || true
        done
}

exec 9>/run/lock/postern-deps
flock 9 # two at a time would take each other's file for a person's
if [ -z "$missing" ]; then
    restore_policy
    exit 0
fi

before=$(mktemp)
trap 'restore_policy; rm -f "$before"' EXIT
trap 'exit 75' HUP INT TERM
all_installed >"$before"
forbid_starts

say "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -q -y -o DPkg::Lock::Timeout=120"
$apt update
case " $missing " in
*" postfix "*)
    echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
    ;;
esac
# shellcheck disable=SC2086  # a list of words
$apt install --no-install-recommends --no-remove $missing

all_installed | comm -13 "$before" - | while read -r package; do
    disable_services "$package"
done
say "done; no new service was started or enabled"
