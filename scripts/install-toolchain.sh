#!/usr/bin/env bash
# Installs both host compilers and the formatter that check.sh needs beyond the .NET SDK.
set -euo pipefail
missing=()
command -v clang++-19 >/dev/null || missing+=(clang-19)
command -v clang-format-19 >/dev/null || missing+=(clang-format-19)
command -v g++ >/dev/null || missing+=(g++)
[ ${#missing[@]} = 0 ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
    echo "Missing: ${missing[*]}. Type: sudo apt-get install -y ${missing[*]}" >&2
    exit 1
fi
