#!/usr/bin/env bash
# Builds the soft GPU, a stand-in for the CUDA driver library that executes PTX on the CPU; only what changed.
#   build-softgpu.sh OUT [CXX]     OUT gets libcuda.so.1, the stand-ins libcublasLt.so.12 and libcudnn.so.9,
#                                softgpu-tests and softgpu-driver-tests; CODETR_CXX or CXX choose the compiler
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1
compiler=${2:-${CODETR_CXX:-}}
if [ -z "$compiler" ]; then
    compiler=$("$root/scripts/find-compiler.sh")
fi
source=$root/tests/SoftGpu

march=
[ "$(uname -m)" = x86_64 ] && march="-march=native -mprefer-vector-width=512"
# The arithmetic must be what the PTX says: nothing fused, nothing reassociated. Registers are bytes that hold every type.
flags="-std=c++17 -O3 -g1 $march -fopenmp-simd -ffp-contract=off -fno-fast-math -fno-math-errno -fno-trapping-math -fno-strict-aliasing -fPIC"
flags="$flags -fvisibility=hidden -Wall -Wextra -Werror -Wno-unknown-pragmas"
case $compiler in *clang*) flags="$flags -Wno-pass-failed" ;; *) flags="$flags -Wno-psabi" ;; esac

# A compiler cache, where there is one, serves every checkout of the machine.
launcher=
if command -v ccache >/dev/null; then
    launcher=ccache
    export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
fi

compile() { # SOURCE OBJECT FLAGS…
    local source=$1 object=$2
    shift 2
    local command="$launcher $compiler $* -c $source -o $object"
    local stale=
    [ -e "$object" ] && [ "$(cat "$object.cmd" 2>/dev/null)" = "$command" ] || stale=1
    if [ -z "$stale" ]; then # what the object was made of, as the compiler wrote it down
        for needed in $(sed -e 's/^[^:]*://' -e 's/\\$//' "${object%.o}.d"); do
            [ -e "$needed" ] && [ ! "$needed" -nt "$object" ] || stale=1
        done
    fi
    if [ -n "$stale" ]; then
        rm -f "$object"
        $command
        echo "$command" >"$object.cmd"
    fi
}
export -f compile
export compiler launcher

mkdir -p "$out/obj"
jobs=() library=() tests=() driver_tests=()
while read -r file; do
    name=${file#"$source"/}
    object=$out/obj/${name//\//_}.o
    jobs+=("compile $file $object $flags -MMD")
    case $name in libraries/*) ;; tests/driver_*) driver_tests+=("$object") ;; tests/*) tests+=("$object") ;; *) library+=("$object") ;; esac
done < <(find "$source" -name '*.cpp' | sort)
printf '%s\0' "${jobs[@]}" | xargs -0 -P "$(nproc)" -I{} bash -euc '{}'

link() { # TARGET OBJECTS AND FLAGS…
    local target=$1
    shift
    if [ ! -e "$target" ] || [ -n "$(find "$out"/obj/*.o -newer "$target" -print -quit)" ] || [ "$(cat "$target.list" 2>/dev/null)" != "$*" ]; then
        "$compiler" "$@" -o "$target.new"
        mv "$target.new" "$target"
        echo "$*" >"$target.list"
    fi
}
link "$out/libcuda.so.1" -shared -Wl,-soname,libcuda.so.1 -Wl,--no-undefined "${library[@]}" -pthread
link "$out/libcublasLt.so.12" -shared -Wl,-soname,libcublasLt.so.12 "$out/obj/libraries_cublaslt.cpp.o" -ldl
link "$out/libcudnn.so.9" -shared -Wl,-soname,libcudnn.so.9 "$out/obj/libraries_cudnn.cpp.o" -ldl
# The tests reach inside, so they take the objects, not the library's few exported names.
if [ ${#tests[@]} -gt 0 ]; then link "$out/softgpu-tests" "${tests[@]}" "${library[@]}" -pthread -ldl; fi
# The driver's tests are a client like any other.
link "$out/softgpu-driver-tests" "${driver_tests[@]}" "$out/libcuda.so.1" "-Wl,-rpath,\$ORIGIN" -pthread -ldl
