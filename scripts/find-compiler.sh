#!/usr/bin/env bash
# Prints the C++ compiler for the host kernels: clang++ (plain or with a version), else g++. Installs one if it may; else says the one line to type.
set -euo pipefail
find_one() {
    for name in clang++ clang++-{22..14} g++; do
        if command -v "$name" >/dev/null; then echo "$name" && return; fi
    done
    return 1
}
if find_one; then exit 0; fi
if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        { apt-get update -qq && apt-get install -y -qq clang-19; } >&2 || apt-get install -y -qq g++ >&2
        find_one && exit 0
    fi
    echo "No C++ compiler was found. Type: sudo apt-get install -y clang-19" >&2
elif command -v dnf >/dev/null; then
    echo "No C++ compiler was found. Type: sudo dnf install -y clang" >&2
else
    echo "No C++ compiler was found: install clang++ or g++ and build again." >&2
fi
exit 1
