#!/usr/bin/env bash
# Kills a training with SIGKILL at random moments, resumes it each time, and compares its end with an undisturbed run, bit for bit.
#   kill-test.sh [KILLS [EPOCHS]]     10 kills within 1 epoch of data/digits-tiny unless said otherwise; CODETR names the program
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
kills=${1:-10}
epochs=${2:-1}
codetr=${CODETR:-$root/artifacts/bin/CoDetr.Cli/release/codetr}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
settings=(--data "$root/data/digits-tiny" --model deformable-detr-tiny --epochs "$epochs" --seed 1 --ema)

echo "undisturbed run"
"$codetr" train "${settings[@]}" --out "$work/whole" >"$work/whole.txt" 2>&1

# The steps between two kills: what there is, shared out, and saves often enough that each life gets somewhere.
steps=$(grep -c '"losses"' "$work/whole/log.jsonl")
life=$((steps / (kills + 2)))
[ "$life" -ge 2 ] || { echo "$steps steps are too few for $kills kills" >&2; exit 2; }

logged() { cat "$work/broken/log.jsonl" 2>/dev/null | wc -l; }
for ((kill = 1; kill <= kills; kill++)); do
    if [ -e "$work/broken/checkpoint.safetensors" ]; then
        "$codetr" train --resume "$work/broken" --save-every 2 >>"$work/broken.txt" 2>&1 &
    else
        "$codetr" train "${settings[@]}" --out "$work/broken" --save-every 2 >>"$work/broken.txt" 2>&1 &
    fi
    pid=$!
    sleep 1
    target=$(($(logged) + 1 + RANDOM % life))
    while [ "$(logged)" -lt "$target" ] && kill -0 $pid 2>/dev/null; do sleep 0.05; done
    sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
    kill -0 $pid 2>/dev/null || { echo "the run ended before kill $kill" >&2; exit 1; }
    kill -9 $pid
    wait $pid 2>/dev/null || true
    echo "kill $kill of $kills after $(logged) logged lines"
done
"$codetr" train --resume "$work/broken" >>"$work/broken.txt" 2>&1

cmp "$work/whole/checkpoint.safetensors" "$work/broken/checkpoint.safetensors"
cmp "$work/whole/best.safetensors" "$work/broken/best.safetensors"
learned() { sed -E 's/,"(seconds|data_seconds|peak_mib)":[0-9.]+//g' "$1"; }
cmp <(learned "$work/whole/log.jsonl") <(learned "$work/broken/log.jsonl")
echo "ok: after $kills kills the checkpoint, the best weights and every logged loss are the same, bit for bit"
