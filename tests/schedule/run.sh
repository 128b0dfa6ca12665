#!/usr/bin/env bash
# Tries the examples of samples/schedule with the given program: `tests/schedule/run.sh PROGRAM [EXAMPLE…]`.
# What judges them is installed under target/schedule (from PyPI and npm, pinned) or from Debian's packages: Airflow,
# kubernetes-validate, hadolint, botocore and moto, asl-validator, systemd-analyze, strace.
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "${1:?usage: tests/schedule/run.sh PROGRAM [EXAMPLE…]}")
shift
at=$PWD/target/schedule
mkdir -p "$at"

missing=()
command -v systemd-analyze >/dev/null || missing+=(systemd)
command -v strace >/dev/null || missing+=(strace)
command -v npm >/dev/null || missing+=(npm)
if ((${#missing[@]})); then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

environment() { # NAME LIST PACKAGE…: a virtual environment, made again when its list changes
  local name=$1 list=$2
  shift 2
  if ! cmp -s "$list" "$at/$name/installed.txt"; then
    rm -rf "${at:?}/$name"
    python3 -m venv "$at/$name"
    "$at/$name/bin/pip" install --quiet --disable-pip-version-check "$@"
    cp "$list" "$at/$name/installed.txt"
  fi
}

environment judges tests/schedule/requirements.txt -r tests/schedule/requirements.txt
versions=samples/schedule/airflow/constraints.txt
environment airflow "$versions" apache-airflow-core apache-airflow-providers-standard --constraint "$versions"
if [[ ! -x "$at/npm/node_modules/.bin/asl-validator" ]]; then
  npm install --silent --no-audit --no-fund --prefix "$at/npm" asl-validator@4.0.0
fi

PATH="$at/judges/bin:$at/npm/node_modules/.bin:$PATH" AIRFLOW_BIN="$at/airflow/bin" \
  "$at/judges/bin/python" tests/schedule/check.py "$program" "$@"
