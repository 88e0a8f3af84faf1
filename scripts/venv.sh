#!/bin/sh
# Makes the virtual environment VENV and installs the project with EXTRAS into it.
set -eu
VENV=$1
EXTRAS=$2
PYTHON=${PYTHON:-$(command -v python3.11 || command -v python3)}
if [ ! -x "$VENV/bin/python" ]; then
    if ! "$PYTHON" -m venv "$VENV" >/dev/null 2>&1; then
        # Debian has venv in a separate package.
        rm -rf "$VENV"
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
            "$PYTHON" -m venv "$VENV"
        else
            echo "Python can't make a virtual environment; install python3-venv first" >&2
            exit 1
        fi
    fi
fi
"$VENV/bin/python" -m pip install --quiet --constraint constraints.txt --editable ".[$EXTRAS]"
case ",$EXTRAS," in
*,dev,*)
    # nnU-Net's networks, for the tests: without timm and torchvision, which they don't import.
    "$VENV/bin/python" -m pip install --quiet --constraint constraints.txt --no-deps \
        dynamic-network-architectures
    ;;
esac
