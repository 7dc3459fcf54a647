#!/bin/sh
# Checks every address of the HTTP interface against its description, with schemathesis.
#
#   scripts/schemathesis/run.sh [PROGRAM [OPTION...]]
#
# PROGRAM is blockmark, target/debug/blockmark by default. Options go to `schemathesis run`. SCHEMATHESIS names an
# installed schemathesis; without it that of requirements.txt is installed with pip, into a directory that is removed at
# the end.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-target/debug/blockmark}
[ $# -eq 0 ] || shift
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 1' INT TERM
if [ -z "${SCHEMATHESIS:-}" ]; then
  python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
  SCHEMATHESIS=$tools/venv/bin/schemathesis
fi
export SCHEMATHESIS here
# shellcheck disable=SC2016 # The variables are those of the inner shell.
"$here/../with-chain" "$program" sh -c \
  'cd "$BLOCKMARK_WORK" && "$SCHEMATHESIS" --config-file "$here/schemathesis.toml" run "$BLOCKMARK_URL/openapi.json" "$@"' \
  schemathesis "$@"
