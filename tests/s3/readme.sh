#!/usr/bin/env bash
# Does what the README's section on S3 says, word for word, with the program that it is given, and
# holds the objects to those of the sample.
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "${1:?usage: tests/s3/readme.sh PROGRAM}")
path=$(mktemp -d)
trap 'tests/s3/moto.sh stop; rm -rf "$path"' EXIT
ln -s "$program" "$path/segprep"

awk '/^## S3$/ { here = 1 } here && /^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } /^## / && !/^## S3$/ { here = 0 } inside' \
  README.md >"$path/commands"
grep --quiet moto.sh "$path/commands"
(export PATH="$path:$PATH" && bash -euo pipefail "$path/commands")

server="http://127.0.0.1:5555/segments"
get() { curl --silent --fail --user test:test --aws-sigv4 aws:amz:us-east-1:s3 "$1"; }
get "$server/account/manifest.json" | grep --quiet '"status": "published"'
get "$server/clean/job-000/part-00000.json" |
  cmp - samples/newsletter/expected/import/job-000/part-00000.json
get "$server/account/rejects.ndjson" | sed 's|s3://segments/imports/|samples/newsletter/input/|' |
  cmp - samples/newsletter/expected/account/rejects.ndjson
left=$(get "$server/?list-type=2" | grep --count segprep || true)
[[ "$left" == 0 ]]
echo "the README's section on S3 holds"
