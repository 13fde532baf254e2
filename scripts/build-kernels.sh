#!/usr/bin/env bash
# Compiles kernels/*.cu and kernels/cpu/*.cpp for the CPU: one shared library per instruction set, only what changed.
#   build-kernels.sh OUT [CXX]     OUT gets libcodetr_kernels-LEVEL.so; CODETR_CXX or CXX choose the compiler
#   CODETR_SANITIZE=1              address and undefined-behaviour sanitizers
#   CODETR_LEVELS="LEVEL…"         instruction sets, if not all
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1
compiler=${2:-${CODETR_CXX:-}}
if [ -z "$compiler" ]; then
    compiler=$("$root/scripts/find-compiler.sh")
fi

flags="-std=c++17 -O3 -g1 -fopenmp-simd -fno-math-errno -fno-trapping-math -ffp-contract=fast -fvisibility=hidden -fno-exceptions -fPIC -Wall -Wextra -Werror -Wno-unused-function -Wno-unknown-pragmas"
case $compiler in *clang*) flags="$flags -Wno-pass-failed" ;; esac
link=
if [ "${CODETR_SANITIZE:-}" = 1 ]; then
    flags="$flags -O2 -fsanitize=address,undefined -fno-sanitize-recover=undefined"
    link="-fsanitize=address,undefined"
    case $compiler in *clang*) link="$link -shared-libasan" ;; esac
fi

# A compiler cache, where there is one, serves every checkout of the machine.
launcher=
if command -v ccache >/dev/null; then
    launcher=ccache
    export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
fi

levels=baseline
if [ "$(uname -m)" = x86_64 ]; then levels="x86-64-v3 x86-64-v4"; fi
levels=${CODETR_LEVELS:-$levels}

# What is up to date is found out here, with no process for each of the many objects.
newest=$(ls -t "$root"/kernels/*.h "$root"/kernels/*/*.h | head -n 1)
jobs=()
want() { # SOURCE OBJECT FLAGS…
    local source=$1 object=$2
    shift 2
    local command="$launcher $compiler -x c++ $* -I$root/kernels -c $source -o $object"
    if [ ! -e "$object" ] || [ "$source" -nt "$object" ] || [ "$newest" -nt "$object" ] || [ ! -e "$object.cmd" ] || [ "$(<"$object.cmd")" != "$command" ]; then
        rm -f "$object"
        jobs+=("$command && echo '$command' >'$object.cmd'")
    fi
}

for level in $levels; do
    march=
    [ "$level" = baseline ] || march="-march=$level"
    [ "$level" = x86-64-v4 ] && march="$march -mprefer-vector-width=512"
    mkdir -p "$out/obj/$level"
    for source in "$root"/kernels/*.cu "$root"/kernels/cpu/*.cpp; do
        want "$source" "$out/obj/$level/${source##*/}.o" $flags $march
    done
done
# The double build: the same texts with 64-bit storage and sums, for tests.
double=${levels%% *}
march=
[ "$double" = baseline ] || march="-march=$double"
mkdir -p "$out/obj/$double-f64"
for source in "$root"/kernels/*.cu; do
    want "$source" "$out/obj/$double-f64/${source##*/}.o" $flags $march -DREAL=double -DREAL_IS_DOUBLE
done
[ ${#jobs[@]} = 0 ] || printf '%s\0' "${jobs[@]}" | xargs -0 -P "$(nproc)" -I{} bash -euc '{}'

for level in $levels "$double-f64"; do
    library=$out/libcodetr_kernels-$level.so
    wanted=()
    for source in "$root"/kernels/*.cu "$root"/kernels/cpu/*.cpp; do
        object=$out/obj/$level/${source##*/}.o
        [ -e "$source" ] && [ -e "$object" ] && wanted+=("$object")
    done
    if [ ! -e "$library" ] || [ -n "$(find "${wanted[@]}" -newer "$library" -print -quit)" ] || [ "$(cat "$library.list" 2>/dev/null)" != "$link ${wanted[*]}" ]; then
        "$compiler" -shared $link -o "$library.new" "${wanted[@]}"
        mv "$library.new" "$library"
        echo "$link ${wanted[*]}" >"$library.list"
    fi
done
