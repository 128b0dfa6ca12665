#!/usr/bin/env bash
# Runs the commands of docs/s3.md with the given program, and compares the objects with
# those of the sample, and the key in KMS with what Python computes.
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "${1:?usage: tests/s3/page.sh PROGRAM}")
path=$(mktemp -d)
trap 'tests/s3/moto.sh stop; rm -rf "$path"' EXIT
ln -s "$program" "$path/segprep"

awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' docs/s3.md >"$path/commands"
grep --quiet moto.sh "$path/commands"
(export PATH="$path:$PATH" && bash -euo pipefail "$path/commands") | tee "$path/said"

server="http://127.0.0.1:5555/segments"
get() { curl --silent --fail --user test:test --aws-sigv4 aws:amz:us-east-1:s3 "$1"; }
# Reads to the end, unlike `grep --quiet`: curl fails if nobody takes what it has left to write.
has() { grep "$@" >"$path/found"; }
get "$server/account/manifest.json" | has '"status": "published"'
get "$server/clean/job-000/part-00000.json" |
  cmp - samples/newsletter/expected/import/job-000/part-00000.json
get "$server/account/rejects.ndjson" | sed 's|s3://segments/imports/|samples/newsletter/input/|' |
  cmp - samples/newsletter/expected/account/rejects.ndjson
left=$(get "$server/?list-type=2" | grep --count segprep || true)
[[ "$left" == 0 ]]

mac=$(curl --silent --fail --user test:test --aws-sigv4 aws:amz:us-east-1:kms http://127.0.0.1:5555/ \
  -H 'Content-Type: application/x-amz-json-1.1' -H 'X-Amz-Target: TrentService.GenerateMac' \
  --data "{\"KeyId\":\"alias/segprep\",\"MacAlgorithm\":\"HMAC_SHA_256\",\"Message\":\"$(printf segprep/v1/master | base64)\"}")
check=$(python3 - "$mac" <<'END'
import base64, hashlib, hmac, json, sys
master = base64.b64decode(json.loads(sys.argv[1])["Mac"])
assert len(master) == 32
extracted = hmac.new(bytes(32), master, hashlib.sha256).digest()
print(hmac.new(extracted, b"segprep/v1/check\x01", hashlib.sha256).hexdigest()[:16])
END
)
grep --quiet "^k1  $check$" "$path/said"
grep --quiet --extended-regexp '^k2  [0-9a-f]{16}$' "$path/said"
get "$server/account-k1/manifest.json" | tr -d ' \n' | has "{\"id\":\"k1\",\"check\":\"$check\",\"demo\":false}"
get "$server/clean-k1/job-000/part-00000.json" | has '"hmac:k1:'
echo "docs/s3.md holds"
