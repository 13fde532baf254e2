#!/usr/bin/env bash
# The definition of green.
#   ./check.sh                              all stages
#   ./check.sh STAGE…                       some: format build kernels tests golden softgpu sanitize bench docs
#   ./check.sh --full [STAGE…]              the soft GPU under three orders of blocks and streams, three architectures; five times the fuzz
#   ./check.sh golden [DIR] [--claimed]     the cases of another folder; --claimed: what nothing claims is no failure
# Stops at the first failure. A part that is missing is installed through the package manager where that is allowed; else it is skipped, said
# aloud, and with CI set a failure.
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_HOME="${DOTNET_CLI_HOME:-${HOME:-$PWD/artifacts/home}}"
logs=artifacts/check
tests=artifacts/bin/CoDetr.Tests/release/CoDetr.Tests
softgpu=$PWD/artifacts/softgpu
passed=0 failed=0 skips=() full=

skip() { # REASON: a part that this machine lacks
    if [ -n "${CI:-}" ]; then
        echo "missing, which is a failure where CI is set: $1"
        return 1
    fi
    echo "SKIPPED: $1"
}

quietly() { "$@" || { echo "failed: $*"; return 1; }; }

# ---- stages: each writes to its log and leaves its counts in lines that `count` understands

format() {
    quietly dotnet format CoDetr.Native.sln --verify-no-changes --verbosity quiet || return 1
    if command -v clang-format-19 >/dev/null; then
        # shellcheck disable=SC2046
        quietly clang-format-19 --dry-run -Werror $(find kernels -name '*.cu' -o -name '*.h' -o -name '*.cpp')
    else
        skip "clang-format-19: sudo apt-get install -y clang-format-19"
    fi
}

build() { quietly dotnet build CoDetr.Native.sln -c Release -v quiet; }

kernels() { # every kernel by the host compiler that the build did not take, the dialect's rules, and the GPU's own compiler
    local other=g++
    case $(scripts/find-compiler.sh) in g++) other=clang++-19 ;; esac
    if command -v $other >/dev/null; then
        quietly scripts/build-kernels.sh artifacts/kernels-other $other || return 1
        CODETR_KERNELS=$PWD/artifacts/kernels-other quietly $tests -noColor -namespace 'CoDetr.Tests.Ops*' || return 1
    else
        skip "$other: scripts/install-toolchain.sh" || return 1
    fi
    quietly $tests -noColor -namespace 'CoDetr.Tests.Kernels*'
}

tests() { # the program's faults want the soft GPU as its driver; what runs on a GPU in this process has a stage of its own
    quietly scripts/build-softgpu.sh "$softgpu" || return 1
    quietly $tests -noColor -namespace- 'CoDetr.Tests.Kernels*' -namespace- 'CoDetr.Tests.Docs*' -namespace- 'CoDetr.Tests.Sanitize*' \
        -class- 'CoDetr.Tests.Devices.Cuda*' -class- 'CoDetr.Tests.Training.CudaStepTests'
}

golden() { # [DIR] [--claimed]
    local run=artifacts/bin/CoDetr.Golden/release/CoDetr.Golden
    if [ $# -gt 0 ]; then
        quietly $run "$@"
    else
        quietly $run tests/golden || return 1
        if [ -d ../shared/golden ]; then
            quietly $run ../shared/golden --claimed
        else
            echo "SKIPPED: ../shared/golden is not there"
        fi
    fi
}

on_softgpu() { # SEED POOL CAPABILITY COMMAND…: with the soft GPU in place of the driver, all its checks on
    local seed=$1 pool=$2 capability=$3
    shift 3
    echo "-- seed $seed, pool $pool, capability $capability: ${*:2}"
    CODETR_DEVICE=cuda CODETR_CUDA_DRIVER=$softgpu/libcuda.so.1 CODETR_POOL=$pool SOFTGPU_SEED=$seed SOFTGPU_CAPABILITY=$capability quietly "$@"
}

softgpu() { # the real PTX of every kernel, executed: ops, golden cases and training steps on the CUDA device, and what the kernels move
    local device=(-namespace 'CoDetr.Tests.Ops*' -namespace 'CoDetr.Tests.Devices*')
    local step=(-class 'CoDetr.Tests.Training.CudaStepTests' -class 'CoDetr.Tests.Detection.HeadEdgeTests' -class 'CoDetr.Tests.Detection.DenseDetectionTests')
    local golden=(artifacts/bin/CoDetr.Golden/release/CoDetr.Golden tests/golden --only 'ops/*' --only 'losses/*' --only 'assign/*' --only 'modules/*' --only 'models/*')
    if [ -z "$(ldconfig -p | grep -E 'libnvrtc\.so\.1[123]')" ] && [ -z "${CODETR_NVRTC:-}" ]; then
        skip "NVRTC: scripts/install-nvrtc.sh"
        return
    fi
    quietly scripts/build-softgpu.sh "$softgpu" || return 1
    quietly "$softgpu/softgpu-tests" || return 1
    quietly "$softgpu/softgpu-driver-tests" || return 1
    on_softgpu 1 0 80 $tests -noColor -parallelMode none "${device[@]}" || return 1
    on_softgpu 2 1 80 $tests -noColor -parallelMode none "${step[@]}" || return 1
    on_softgpu 3 1 80 "${golden[@]}" || return 1
    if [ -n "$full" ]; then
        on_softgpu 2 0 75 $tests -noColor -parallelMode none "${device[@]}" || return 1
        on_softgpu 3 1 90 $tests -noColor -parallelMode none "${device[@]}" || return 1
        on_softgpu 1 0 75 "${golden[@]}" || return 1
        on_softgpu 2 0 90 "${golden[@]}" || return 1
    fi
    on_softgpu 1 1 80 artifacts/bin/CoDetr.Bench/release/CoDetr.Bench traffic --check
}

sanitize() { # the op tests on a host library with address and undefined-behaviour checks, each storage its own allocation
    if ! command -v g++ >/dev/null; then
        skip "g++: scripts/install-toolchain.sh"
        return
    fi
    local level=
    [ "$(uname -m)" = x86_64 ] && level=x86-64-v3
    CODETR_SANITIZE=1 CODETR_LEVELS=$level quietly scripts/build-kernels.sh artifacts/kernels-sanitize g++ || return 1
    LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0:handle_segv=0:use_sigaltstack=0 \
        UBSAN_OPTIONS=print_stacktrace=1 CODETR_KERNELS=$PWD/artifacts/kernels-sanitize CODETR_SIMD=$level CODETR_POOL=0 DOTNET_gcServer=0 \
        quietly $tests -noColor -namespace 'CoDetr.Tests.Ops*' -namespace 'CoDetr.Tests.Sanitize*'
}

bench() { quietly artifacts/bin/CoDetr.Bench/release/CoDetr.Bench --smoke; }

docs() { quietly $tests -noColor -namespace 'CoDetr.Tests.Docs*'; }

# ---- running them

count() { # LOG: adds up "Total: 9, Errors: 0, Failed: 1, Skipped: 2" of test runs and "8 passed, 1 failed" of other programs
    awk '
        match($0, /Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+/) {
            split(substr($0, RSTART, RLENGTH), n, /[^0-9]+/); bad += n[3] + n[4]; skipped += n[5]; good += n[2] - n[3] - n[4] - n[5]
        }
        /^[0-9]+ passed, [0-9]+ failed/ { good += $1; bad += $3 }
        END { print good + 0, bad + 0, skipped + 0 }' "$1"
}

run() { # STAGE [ARGS…]
    local stage=$1 log=$logs/$1.log begin=$SECONDS status=0 good bad skipped
    printf '%-9s' "$stage"
    "$@" >"$log" 2>&1 || status=$?
    read -r good bad skipped < <(count "$log")
    if [ $status = 0 ]; then good=$((good > 0 ? good : 1)); else bad=$((bad > 0 ? bad : 1)); fi
    passed=$((passed + good)) failed=$((failed + bad))
    printf '%-6s %4d s   %d passed, %d failed%s\n' "$([ $status = 0 ] && echo ok || echo FAILED)" $((SECONDS - begin)) "$good" "$bad" \
        "$([ "$skipped" -gt 0 ] && echo ", $skipped skipped")"
    while read -r line; do skips+=("$stage: $line"); done < <(awk '/SKIPPED:/ { print } /\[SKIP\]/ { name = $1; getline; print "SKIPPED:", name ":" $0 }' "$log" | tr -s ' ')
    if [ $status != 0 ]; then
        grep -nE '\[FAIL\]|^FAIL|error|failed:' "$log" | head -n 20
        tail -n 25 "$log"
        echo "All of it: $log"
    fi
    return $status
}

mkdir -p $logs
command -v dotnet >/dev/null || { echo "The .NET SDK was not found. Type: sudo apt-get install -y dotnet-sdk-10.0"; exit 1; }
scripts/install-toolchain.sh || true
scripts/install-nvrtc.sh || true

all=(format build kernels tests golden softgpu sanitize bench docs)
stages=() arguments=()
for word in "$@"; do
    if [ "$word" = --full ]; then
        full=1
        export CODETR_FUZZ=100000 # changed weights files that both readers get
    elif [[ " ${all[*]} " == *" $word "* ]]; then
        stages+=("$word")
    elif [[ " ${stages[*]} " == *" golden "* ]]; then
        arguments+=("$word")
    else
        echo "unknown stage '$word'; the stages are: ${all[*]}"
        exit 2
    fi
done
[ ${#stages[@]} = 0 ] && stages=("${all[@]}")
# What runs programs needs them built.
[ -n "$(printf '%s\n' "${stages[@]}" | grep -vE 'format|build')" ] && [[ " ${stages[*]} " != *" build "* ]] && stages=(build "${stages[@]}")

for stage in "${stages[@]}"; do
    if [ "$stage" = golden ]; then run golden "${arguments[@]}" || break; else run "$stage" || break; fi
done
for line in "${skips[@]}"; do echo "$line"; done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
