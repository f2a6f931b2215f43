#!/bin/sh
# `make check`: every step runs even when one before it failed; the last line counts them.
cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc 2>/dev/null || echo 2)
passed=0 failed=0

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
step "build with clang" make -j"$jobs" CC=clang BUILD=build/clang build/clang/postern
step "lint" make lint
step "unit and golden tests under sanitizers" make -j"$jobs" check-san
step "golden tests" make golden
step "scenarios on real servers" make scenario
step "benchmarks, only to see that they run" make bench BENCH=--quick
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
