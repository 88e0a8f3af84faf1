#!/bin/sh
# Installs Xvfb and the libraries of a real napari window; without root, says what to install.
set -eu
[ "$(uname)" = Linux ] || exit 0
PACKAGES="xvfb xauth libegl1 libgl1 libgl1-mesa-dri libopengl0 libxkbcommon-x11-0 libdbus-1-3
libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 fonts-dejavu-core"
if ! command -v dpkg-query >/dev/null; then
    command -v xvfb-run >/dev/null && exit 0
    echo "install Xvfb (xvfb-run) and Mesa's software OpenGL first" >&2
    exit 1
fi
MISSING=""
for package in $PACKAGES; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" ||
        MISSING="$MISSING $package"
done
[ -z "$MISSING" ] && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "install the missing packages first: sudo apt-get install$MISSING" >&2
    exit 1
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $MISSING >/dev/null
