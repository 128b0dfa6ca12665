#!/usr/bin/env bash
# Makes the thirty nights, executes the notebook with the pinned packages, and compares its outputs with the
# committed ones: `samples/notebooks/run.sh [SEGPREP] [--write]`. SEGPREP is the program (target/release/segprep);
# --write replaces the committed outputs. The nights stay in out/notebook/, for Jupyter. A page to show to others:
#   target/notebook-packages/bin/jupyter nbconvert --to html --no-input samples/notebooks/segment-quality.ipynb
set -euo pipefail
cd "$(dirname "$0")/../.."

segprep=target/release/segprep write=()
for argument in "$@"; do
  case $argument in
    --write) write=(--write) ;;
    *) segprep=$argument ;;
  esac
done

packages=target/notebook-packages
if ! cmp -s samples/notebooks/requirements.txt "$packages/installed.txt"; then
  echo "installing the packages of samples/notebooks/requirements.txt into $packages: once, a minute or two"
  rm -rf "$packages"
  python3 -m venv "$packages"
  "$packages/bin/pip" install --quiet --disable-pip-version-check -r samples/notebooks/requirements.txt
  cp samples/notebooks/requirements.txt "$packages/installed.txt"
fi
"$segprep" test samples/notebooks/nightly.test.toml
python3 samples/notebooks/thirty_nights.py "$segprep"
# The user's own settings of IPython and Matplotlib are left out.
export IPYTHONDIR="$PWD/$packages/ipython" MPLCONFIGDIR="$PWD/$packages/matplotlib"
unset MPLBACKEND
"$packages/bin/python" samples/notebooks/execute.py "${write[@]}"
python3 samples/notebooks/outputs.py
