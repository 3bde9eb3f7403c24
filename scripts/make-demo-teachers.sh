#!/usr/bin/env bash
# Makes the two teachers of the demo, teachers/demo-clean and teachers/demo-robust, with this program's own natural and sat methods.
# Takes about 15 minutes on a busy core; on one machine the same weights come out every time.
set -euo pipefail
cd "$(dirname "$0")/.."

work="${1:-runs/demo-teachers}"
mtard() { node dist/cli/main.js "$@"; }

mtard data demo
mtard train --dataset demo --method natural --student resnet-14 --epochs 3 --set 'milestones=[2]' --set evaluateEvery=3 --out "$work/clean" --resume
mtard train --dataset demo --method sat --student resnet-14 --epochs 5 --set learningRate=0.05 --set 'milestones=[3,4]' --set evaluateEvery=5 --out "$work/robust" --resume
for role in clean robust; do
  # The last student, not the best by W-Robust: the clean teacher shall be accurate and nothing else.
  mtard export "$work/$role" --checkpoint last --to onnx --out "$work/$role.onnx"
  # A check writes what it measures into a store, not into the project's own.
  mtard teacher import --name "demo-$role" --dataset demo --role "$role" --onnx "$work/$role.onnx" --force --teachers-dir "$work/teachers"
  mtard teacher check "demo-$role" --teachers-dir "$work/teachers"
  cp "$work/teachers/demo-$role"/* "teachers/demo-$role/"
done
