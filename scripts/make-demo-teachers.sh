#!/usr/bin/env bash
# Makes the two teachers of the demo, teachers/demo-clean and teachers/demo-robust, with this program's own natural and sat methods.
# Takes about 15 minutes on two cores; on one machine the same weights come out every time.
set -euo pipefail
cd "$(dirname "$0")/.."

work="${1:-runs/demo-teachers}"
mtard() { node dist/cli/main.js "$@"; }

mtard data demo
mtard train --dataset demo --method natural --student resnet-14 --epochs 12 --set 'milestones=[8,10]' --set evaluateEvery=12 --out "$work/clean" --resume
mtard train --dataset demo --method sat --student resnet-14 --epochs 8 --set 'milestones=[5,7]' --set evaluateEvery=8 --out "$work/robust" --resume
for role in clean robust; do
  # The last student, not the best by W-Robust: the clean teacher shall be accurate and nothing else.
  mtard export "$work/$role" --checkpoint last --to onnx --out "$work/$role.onnx"
  mtard teacher import --name "demo-$role" --dataset demo --role "$role" --onnx "$work/$role.onnx" --force
  mtard teacher check "demo-$role"
done
