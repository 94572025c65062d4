#!/bin/sh
# Runs a program that cargo has built. A test program also writes the result of each of its tests to a file of its own in
# $SHAREABLE_TEST_RESULTS, which the gate counts. Cargo keeps test programs in a folder called deps.
case "$1" in
  */deps/*) ;;
  *) exec "$@" ;;
esac
[ -n "$SHAREABLE_TEST_RESULTS" ] || exec "$@"
exec "$@" --logfile "$SHAREABLE_TEST_RESULTS/rust-$$.log"
