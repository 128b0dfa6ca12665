#!/usr/bin/env bash
# Builds with the feature `fips` under target/fips, and runs the checks of other builds with it: lints, unit
# tests with the vectors, the samples, tokens of other programs, and TLS with KMS and IAM at moto. It also
# checks that the module is the one in docs/fips.md and that no other aws-lc is linked.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cmake >/dev/null || ! command -v go >/dev/null; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends cmake golang-go >/dev/null
fi
export CARGO_TARGET_DIR="$PWD/target/fips"
export AWS_LC_FIPS_SYS_USE_SYSTEM=0 # the module of the lock file, whatever is installed here
program="$CARGO_TARGET_DIR/debug/segprep"
fail() { echo "fips: $*" >&2 && exit 1; }

cargo clippy --locked --all-targets --features fips -- -D warnings
cargo test --locked --features fips

version=$("$program" --version)
grep --quiet --fixed-strings -- "\`$version\`" docs/fips.md || fail "docs/fips.md does not show \`$version\`"
nm "$program" >"$CARGO_TARGET_DIR/symbols"
grep --quiet ' aws_lc_fips_[0-9_]*_HMAC_Init_ex$' "$CARGO_TARGET_DIR/symbols" || fail "the module is not linked"
if grep --max-count 1 ' aws_lc_[0-9][0-9_]*_' "$CARGO_TARGET_DIR/symbols"; then fail "another aws-lc is linked"; fi

tests/s3/secured.sh "$program"
echo "$version holds"
