#!/usr/bin/env bash
# Installs NVRTC (11.8 on Debian 12): a compiler library that needs no GPU. It lies in the distribution's own archive, in the part for non-free
# software; the machine's own entry for the archive is copied with that component.
set -euo pipefail
package=libnvrtc11.2
if ldconfig -p | grep -q 'libnvrtc\.so\.1[123]'; then exit 0; fi
if ! command -v apt-get >/dev/null; then
    echo "NVRTC was not found. Install CUDA's libnvrtc, or set CODETR_NVRTC to the file." >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "NVRTC was not found. Type: sudo scripts/install-nvrtc.sh" >&2
    exit 1
fi

. /etc/os-release
component=non-free
[ "$ID" = ubuntu ] && component=multiverse
available() { apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [0-9]'; }
available || apt-get update -qq
if ! available; then
    # deb822: the first stanza of the release itself; else the first one-line entry.
    stanza=$(awk -v RS= -v suite="$VERSION_CODENAME" '$0 ~ "Suites:[^\n]*" suite && $0 !~ "Suites:[^\n]*-security" && $0 ~ "Components:[^\n]*main" { print; exit }' \
        /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
    if [ -n "$stanza" ]; then
        printf '%s\n' "$stanza" | grep -v '^#' | sed "s/^Components:.*/Components: $component/" >/etc/apt/sources.list.d/codetr-nvrtc.sources
    else
        sed -nE "s/^(deb (\[[^]]*\] )?[^ ]+ $VERSION_CODENAME) .*main.*/\1 $component/p" /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            head -n 1 >/etc/apt/sources.list.d/codetr-nvrtc.list
    fi
    apt-get update -qq
fi
apt-get install -y -qq --no-install-recommends "$package" >/dev/null
