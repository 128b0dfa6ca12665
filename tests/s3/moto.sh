#!/usr/bin/env bash
# Starts moto, a local server that simulates AWS, with the sample files in s3://segments/imports/, an HMAC
# key in KMS (alias/segprep) and a key in Secrets Manager (segprep/k2). It is installed under target/,
# keeps everything in memory and requires no authentication: it is for trials and tests.
# `tests/s3/moto.sh stop` stops it.
set -euo pipefail
cd "$(dirname "$0")/../.."

port=${SEGPREP_MOTO_PORT:-5555}
home="$PWD/target/moto"
server="http://127.0.0.1:$port"

stop() {
  if [[ -f "$home/pid" ]]; then
    kill "$(cat "$home/pid")" 2>/dev/null || true
    rm -f "$home/pid"
  fi
}

if [[ "${1:-}" == stop ]]; then
  stop
  exit
fi

if [[ ! -x "$home/bin/moto_server" ]]; then
  python3 -m venv "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check -r tests/s3/requirements.txt
fi
stop
"$home/bin/moto_server" -H 127.0.0.1 -p "$port" >"$home/log" 2>&1 &
echo $! >"$home/pid"
for _ in $(seq 100); do
  curl --silent --output /dev/null "$server" && break
  sleep 0.2
done
curl --silent --fail --output /dev/null -X PUT "$server/segments"
for file in samples/newsletter/input/*; do
  curl --silent --fail --output /dev/null --upload-file "$file" "$server/segments/imports/"
done
call() { # SERVICE TARGET JSON
  curl --silent --fail --user test:test --aws-sigv4 "aws:amz:us-east-1:$1" "$server/" \
    -H 'Content-Type: application/x-amz-json-1.1' -H "X-Amz-Target: $2" --data "$3"
}
key=$(call kms TrentService.CreateKey '{"KeyUsage":"GENERATE_VERIFY_MAC","KeySpec":"HMAC_256"}' |
  sed 's/.*"KeyId": *"\([^"]*\)".*/\1/')
call kms TrentService.CreateAlias "{\"AliasName\":\"alias/segprep\",\"TargetKeyId\":\"$key\"}" >/dev/null
secret="hex:$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
call secretsmanager secretsmanager.CreateSecret \
  "{\"Name\":\"segprep/k2\",\"SecretString\":\"$secret\",\"ClientRequestToken\":\"$(cat /proc/sys/kernel/random/uuid)\"}" >/dev/null
echo "moto serves $server, until: tests/s3/moto.sh stop"
