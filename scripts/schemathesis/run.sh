#!/bin/sh
# Checks every address of the HTTP interface against its description, with schemathesis.
#
#   scripts/schemathesis/run.sh [PROGRAM [OPTION...]]
#
# PROGRAM is blockmark, target/debug/blockmark by default. Options go to `schemathesis run`. The demo's database, a
# model, a recording and a list of entities are made in a temporary directory, and served on a port of their own.
# SCHEMATHESIS names an installed schemathesis; without it the version below is installed there with pip.
set -eu
version=4.32.5
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-target/debug/blockmark}
[ $# -eq 0 ] || shift
port=${PORT:-18473}
work=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT INT TERM

if [ -z "${SCHEMATHESIS:-}" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet "schemathesis==$version"
  SCHEMATHESIS=$work/venv/bin/schemathesis
fi

"$program" --data-dir "$work" demo --once
mkdir "$work/rewards"
for recording in "$work"/demo/*/; do
  "$program" --data-dir "$work" rewards "$recording" > "$work/rewards/$(basename "$recording").json"
done
"$program" --data-dir "$work" label "$work/rewards" "$work/training"
"$program" --data-dir "$work" train "$work/training" --model "$work/model.bmm"
printf 'entity,first_index,last_index\nExample Pool,0,9\nAnother,10,19\n' > "$work/entities.csv"

"$program" --data-dir "$work" serve --db "$work/demo.sqlite" --model "$work/model.bmm" --recording "$recording" --network demo \
  --entities "$work/entities.csv" --listen "127.0.0.1:$port" &
server=$!
tries=0
until python3 -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/health/live')" 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 120 ] || { echo "the server does not answer" >&2; exit 1; }
  sleep 1
done

cd "$work"
"$SCHEMATHESIS" --config-file "$here/schemathesis.toml" run "http://127.0.0.1:$port/openapi.json" "$@"
