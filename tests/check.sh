#!/bin/sh
# `make check`: every step runs even when one before it failed; the last line counts them.
cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc 2>/dev/null || echo 2)
passed=0 failed=0
began=$(date +%s)

step() {
    name=$1
    shift
    start=$(date +%s)
    echo "== $name"
    if "$@"; then
        passed=$((passed + 1))
        echo "== $name: ok, $(($(date +%s) - start)) s"
    else
        failed=$((failed + 1))
        echo "== $name: FAILED"
    fi
}

step "build with gcc" make -j"$jobs" all
step "what clang says" make -j"$jobs" CC=clang syntax
step "lint" make lint
step "golden tests" make golden

# Scenarios wait more than they compute, so the programs with sanitizers are built meanwhile, with
# what time they leave; a failure to build is told by the step that needs them.
nice -n 15 make -s -k -j"$jobs" san-programs >/dev/null 2>&1 &
builder=$!
step "scenarios on real servers" make scenario
wait $builder
step "crash tests" make -j"$jobs" crash-check
step "unit tests" make -j"$jobs" unit
step "unit and golden tests under sanitizers" make -j"$jobs" check-san
echo "$(($(date +%s) - began)) s in all"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
