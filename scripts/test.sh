#!/bin/sh
# Runs all tests with the Python at $1: those of the viewer, and beside them all others, each half
# on a screen of its own, since neither keeps more than one core busy.
set -u
PYTHON=$1
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
if [ "$(uname)" = Linux ]; then
    # Numbers far apart: two that look for a free one at once may find the same.
    screen() { xvfb-run -a -n "$1" -s "-screen 0 1600x1000x24" "$PYTHON" -m pytest $2; }
else
    screen() { "$PYTHON" -m pytest $2; }
fi
screen 300 "tests --ignore=tests/viewer -p no:cacheprovider" >"$LOG" 2>&1 &
OTHERS=$!
screen 100 tests/viewer
VIEWER=$?
wait $OTHERS
STATUS=$?
cat "$LOG"
[ $VIEWER = 0 ] && [ $STATUS = 0 ]
