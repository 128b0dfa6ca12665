#!/usr/bin/env bash
# Tests the program with a server that has TLS, authentication and permissions: moto with a certificate
# made here and with IAM. It checks that the server is not trusted without the authority's certificate,
# that unknown credentials fail, that a missing permission is named, and that a run needs only the
# permissions of docs/iam.md, by action (tests/it/s3/policies.rs tests resources and conditions, too).
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "${1:?usage: tests/s3/secured.sh PROGRAM}")
port=${SEGPREP_MOTO_PORT:-5556}
server="https://127.0.0.1:$port"
home="$PWD/target/moto"
work=$(mktemp -d)
if [[ ! -x "$home/bin/moto_server" ]]; then
  python3 -m venv "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check -r tests/s3/requirements.txt
fi

# An authority and a certificate that it signs: one for both is rejected (CaUsedAsEndEntity).
make() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$work/$1.key" -out "$work/$1.pem" "${@:2}" 2>"$work/openssl"; }
make ca -subj "/CN=tests of segprep"
make leaf -subj "/CN=127.0.0.1" -addext "subjectAltName=IP:127.0.0.1" \
  -addext "basicConstraints=critical,CA:FALSE" -CA "$work/ca.pem" -CAkey "$work/ca.key"

# The first requests need no authentication: those that set up the server.
files=(samples/newsletter/input/*)
INITIAL_NO_AUTH_ACTION_COUNT=$((10 + ${#files[@]})) "$home/bin/moto_server" -H 127.0.0.1 -p "$port" \
  -c "$work/leaf.pem" -k "$work/leaf.key" >"$work/log" 2>&1 &
moto=$!
trap 'kill $moto; rm -rf "$work"' EXIT
for _ in $(seq 100); do
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  sleep 0.2
done

ask() { # SERVICE CURL-ARGUMENT...
  curl --silent --fail --cacert "$work/ca.pem" --user admin:admin --aws-sigv4 "aws:amz:us-east-1:$1" "${@:2}"
}
iam() { # FIELD...
  local fields=() field
  for field; do fields+=(--data-urlencode "$field"); done
  ask iam "$server/" -H "Host: iam.amazonaws.com" "${fields[@]}" >"$work/answer"
}
json() { ask "$1" "$server/" -H 'Content-Type: application/x-amz-json-1.1' -H "X-Amz-Target: $2" --data "$3" >"$work/answer"; }
between() { sed -n "s|.*$1\([^<\"]*\)$2.*|\1|p" "$work/answer" | sed -n 1p; }
fail() { echo "secured: $*" >&2 && exit 1; }

ask s3 -X PUT "$server/segments" >"$work/answer"
for file in "${files[@]}"; do
  ask s3 --upload-file "$file" "$server/segments/imports/" >"$work/answer"
done
json kms TrentService.CreateKey '{"KeyUsage":"GENERATE_VERIFY_MAC","KeySpec":"HMAC_256"}'
key=$(between '"KeyId": *"' '"')
json kms TrentService.CreateAlias "{\"AliasName\":\"alias/segprep\",\"TargetKeyId\":\"$key\"}"

# The permissions of docs/iam.md for these places.
policy() { # ACTIONS, in JSON
  cat <<END
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [$1], "Resource": "*"}]}
END
}
read='"s3:ListBucket", "s3:GetObject"'
write='"s3:ListBucketMultipartUploads", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"'
mac='"kms:GenerateMac"'
user() { # NAME ACTIONS: makes a user; credentials are in $access and $secret
  iam Action=CreateUser Version=2010-05-08 "UserName=$1"
  iam Action=PutUserPolicy Version=2010-05-08 "UserName=$1" PolicyName=all "PolicyDocument=$(policy "$2")"
  iam Action=CreateAccessKey Version=2010-05-08 "UserName=$1"
  access=$(tr -d '\n' <"$work/answer" | sed 's|.*<AccessKeyId>\([^<]*\)<.*|\1|')
  secret=$(tr -d '\n' <"$work/answer" | sed 's|.*<SecretAccessKey>\([^<]*\)<.*|\1|')
}
user job "$read, $write, $mac"
job=("$access" "$secret")
user reader "$read, $mac"
reader=("$access" "$secret")
ask s3 "$server/" >"$work/answer" || true # the last that is let through unseen

run() { # ACCESS SECRET CODE WORDS ARGUMENT...
  local code=0
  AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 "$program" run pipelines/newsletter.toml --quiet \
    --set "aws={ region=\"us-east-1\", endpoint_url=\"$server\" }" \
    --set 'keys={ current="k1", k1="kms:alias/segprep" }' \
    --set 'input.from=["s3://segments/imports/"]' \
    --set output.0.to=s3://segments/clean/ --set account.to=s3://segments/account/ \
    "${@:5}" >"$work/said" 2>&1 || code=$?
  [[ $code == "$3" ]] || fail "exit $code and not $3: $(cat "$work/said")"
  grep --quiet --fixed-strings -- "$4" "$work/said" || [[ -z "$4" ]] || fail "no \`$4\` in: $(cat "$work/said")"
  if grep --quiet --fixed-strings -- "$2" "$work/said"; then fail "the secret was said"; fi
}

unset SSL_CERT_FILE
run "${job[@]}" 74 SSL_CERT_FILE
export SSL_CERT_FILE="$work/ca.pem"
run AKIANOBODY0000000000 nothing 77 '`kms:GenerateMac` on `alias/segprep` was denied'
# For requests to S3, the message has more details.
run AKIANOBODY0000000000 nothing 77 'access key' --set 'keys={ current="k1", k1="demo:" }'
run "${job[0]}" nothing 77 'secret key' --set 'keys={ current="k1", k1="demo:" }'
run "${reader[@]}" 77 '`s3:PutObject`'
run "${job[@]}" 77 '`secretsmanager:GetSecretValue`' --set 'keys.k2="secretsmanager:segprep/k2"'
run "${job[@]}" 0 ''
run "${job[@]}" 0 ''
AWS_ACCESS_KEY_ID=${job[0]} AWS_SECRET_ACCESS_KEY=${job[1]} "$program" run pipelines/newsletter.toml --quiet \
  --set "aws={ region=\"us-east-1\", endpoint_url=\"$server\" }" --set 'input.from=["s3://segments/clean/"]' \
  --set 'fields."User.UserId"="keep"' --set "output.0.to=$work/out" --set "account.to=$work/account"
grep --quiet '"hmac:k1:' "$work/out/job-000/part-00000.json"
echo "TLS and IAM hold"
