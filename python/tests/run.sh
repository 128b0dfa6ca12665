#!/usr/bin/env bash
# Tests the Python package with an extension that was built already: `python/tests/run.sh target/debug/lib_segprep.so`.
# Installs pinned packages into an environment of its own under target/.
set -euo pipefail
cd "$(dirname "$0")/../.."

extension=$1
at=$PWD/target/python

if ! cmp -s python/tests/requirements.txt "$at/requirements.txt"; then
  rm -rf "$at/venv"
  python3 -m venv "$at/venv"
  "$at/venv/bin/pip" install --quiet --disable-pip-version-check -r python/tests/requirements.txt
  cp python/tests/requirements.txt "$at/requirements.txt"
fi
rm -rf "$at/package"
mkdir -p "$at/package"
cp -r python/segprep "$at/package/"
cp "$extension" "$at/package/segprep/_segprep.abi3.so"
PYTHONPATH="$at/package" exec "$at/venv/bin/python" -m pytest -p no:cacheprovider -c python/pyproject.toml "${@:2}" python/tests
