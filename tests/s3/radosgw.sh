#!/usr/bin/env bash
# Tests the program with Ceph's radosgw, an independent implementation of S3: one node on this machine,
# from Debian's packages, in memory, under target/radosgw. It checks that the sample has its expected
# output, that the same run again does nothing, that a foreign object blocks a run, that only one of two
# concurrent runs publishes, that encryption with KMS keys works, and that nothing is left behind. It
# needs `checksum = "none"`, since this version does not support the newer checksums of S3.
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "${1:?usage: tests/s3/radosgw.sh PROGRAM}")
if ! command -v radosgw >/dev/null; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends radosgw ceph-mon ceph-osd ceph-mgr >/dev/null
fi
home="$PWD/target/radosgw"
port=${SEGPREP_RADOSGW_PORT:-7480}
server="http://127.0.0.1:$port"
export AWS_ACCESS_KEY_ID=AKIASEGPREPTESTONLY0 AWS_SECRET_ACCESS_KEY=a-secret-that-no-message-may-hold

stop() {
  for pid in "$home"/run/*.pid; do
    [[ ! -f "$pid" ]] || kill "$(cat "$pid")" 2>/dev/null || true
  done
}
trap stop EXIT
stop
rm -rf "$home"
mkdir -p "$home"/{mon.a,osd.0,rgw,run,log}
export CEPH_CONF="$home/ceph.conf"
cat >"$CEPH_CONF" <<END
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_host = [v2:127.0.0.1:3300,v1:127.0.0.1:6789]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data = $home/mon.a
osd_data = $home/osd.0
osd_objectstore = memstore
memstore_device_bytes = 2147483648
admin_socket = $home/run/\$name.\$pid.asok
log_file = $home/log/\$name.log
pid_file = $home/run/\$name.pid
run_dir = $home/run
rgw_data = $home/rgw
rgw_crypt_require_ssl = false
rgw_crypt_s3_kms_backend = testing
rgw_crypt_s3_kms_encryption_keys = key-of-the-test=$(printf 'thirty-two bytes for a test only' | base64)
ms_bind_ipv6 = false
keyring = $home/keyring
END
quiet() { "$@" >>"$home/log/start" 2>&1 || { tail -5 "$home/log/start" >&2 && exit 1; }; }
quiet ceph-authtool --create-keyring "$home/keyring" --gen-key -n mon. --cap mon 'allow *'
quiet ceph-authtool "$home/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
quiet monmaptool --create --fsid "$(sed -n 's/^fsid = //p' "$CEPH_CONF")" \
  --addv a '[v2:127.0.0.1:3300,v1:127.0.0.1:6789]' --clobber "$home/monmap"
quiet ceph-mon -i a --mkfs --monmap "$home/monmap" --keyring "$home/keyring" -c "$CEPH_CONF"
quiet ceph-mon -i a -c "$CEPH_CONF"
osd=$(cat /proc/sys/kernel/random/uuid)
quiet timeout 60 ceph -c "$CEPH_CONF" osd new "$osd"
timeout 60 ceph -c "$CEPH_CONF" auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' >>"$home/keyring"
quiet ceph-osd -i 0 --mkfs --osd-uuid "$osd" -c "$CEPH_CONF"
quiet ceph-osd -i 0 -c "$CEPH_CONF"
timeout 60 ceph -c "$CEPH_CONF" auth get-or-create client.rgw.a mon 'allow rwx' osd 'allow rwx' >>"$home/keyring"
quiet timeout 120 radosgw-admin -c "$CEPH_CONF" user create --uid=test --display-name=test \
  --access-key="$AWS_ACCESS_KEY_ID" --secret="$AWS_SECRET_ACCESS_KEY"
quiet radosgw -n client.rgw.a -c "$CEPH_CONF" --rgw-frontends="beast endpoint=127.0.0.1:$port" --keyring "$home/keyring"
for _ in $(seq 300); do
  curl --silent --output /dev/null "$server" && break
  sleep 0.2
done

ask() { curl --silent --fail -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --aws-sigv4 aws:amz:us-east-1:s3 "$@"; }
fail() { echo "radosgw: $*" >&2 && exit 1; }
ask -X PUT "$server/segments"
for file in samples/newsletter/input/*; do
  ask --upload-file "$file" "$server/segments/imports/"
done

run() { # CODE WORDS ARGUMENT...
  local code=0
  "$program" run pipelines/newsletter.toml --quiet \
    --set "aws={ region=\"us-east-1\", endpoint_url=\"$server\", checksum=\"none\" }" \
    --set 'input.from=["s3://segments/imports/"]' \
    --set output.0.to=s3://segments/clean/ --set account.to=s3://segments/account/ \
    "${@:3}" >"$home/said" 2>&1 || code=$?
  [[ $code == "$1" ]] || fail "exit $code and not $1: $(cat "$home/said")"
  grep --quiet --fixed-strings -- "$2" "$home/said" || [[ -z "$2" ]] || fail "no \`$2\` in: $(cat "$home/said")"
  if grep --quiet --fixed-strings -- "$AWS_SECRET_ACCESS_KEY" "$home/said"; then fail "the secret was said"; fi
}
part="$server/segments/clean/job-000/part-00000.json"
holds() {
  ask "$server/segments/account/manifest.json" >"$home/answer"
  grep --quiet '"status": "published"' "$home/answer"
  ask "$part" | cmp - samples/newsletter/expected/import/job-000/part-00000.json
  ask "$server/segments/?list-type=2" >"$home/answer"
  if grep --quiet '\.segprep' "$home/answer"; then fail "something is left"; fi
}

ask --upload-file LICENSE-MIT "$server/segments/clean/notes.txt"
run 73 'no manifest of this account'
ask -X DELETE "$server/segments/clean/notes.txt"
run 0 ''
holds
run 0 ''
run 73 '--overwrite' --set account.max_reject_ratio=0.5
run 0 '' --set account.max_reject_ratio=0.5 --overwrite \
  --set 'output.0.sse="kms"' --set 'output.0.kms_key_id="key-of-the-test"'
holds
ask --head "$part" >"$home/answer"
grep --quiet --ignore-case 'x-amz-server-side-encryption-aws-kms-key-id: key-of-the-test' "$home/answer"
# For an unknown access key, it returns `InvalidAccessKeyId`.
run 77 '' --set account.max_reject_ratio=0.4 --overwrite \
  --set 'output.0.sse="kms"' --set 'output.0.kms_key_id="no-such-key"'

for key in $(ask "$server/segments/?list-type=2&prefix=clean" | grep -o '<Key>[^<]*' | sed 's/<Key>//'); do
  ask -X DELETE "$server/segments/$key"
done
AWS_SECRET_ACCESS_KEY=another run 77 'secret key'
echo "radosgw $(radosgw --version | awk '{ print $3 }') holds"
