# A server in DIR that lives as long as standard input. Signals "crash" (kill -9) and "start" come in by lines.
# BIN DIR; the user of the server is another one where this is root, for which PostgreSQL does not run.
# It cleans up after a program that was interrupted, so it is not interrupted itself.
set -u
trap '' HUP INT TERM
bin=$1 dir=$2
as=""
if [ "$(id -u)" = 0 ]; then
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  chown "$user" "$dir" && chmod 755 "$dir"
  as="runuser -u $user --"
fi
cd "$dir" || exit 1
$as "$bin/initdb" -D "$dir/data" -U blockmark -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 || {
  sed 's/^/initdb: /' "$dir/initdb.log" >&2
  rm -rf "$dir"
  echo failed
  exit 1
}
start() {
  $as "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/server.log" \
    -o "-c listen_addresses= -c unix_socket_directories=$dir -c fsync=off -c max_connections=300 -c shared_buffers=64MB" \
    start >/dev/null && echo ready || { cat "$dir/server.log" >&2; echo failed; }
}
start
while read -r word; do
  case $word in
    crash)
      # The postmaster first, so that it starts nothing anew.
      postmaster=$(head -1 "$dir/data/postmaster.pid")
      children=$(cat "/proc/$postmaster/task/$postmaster/children")
      kill -9 "$postmaster" $children
      for process in "$postmaster" $children; do
        # Dead is enough: who reaps it may take his time.
        while [ -e "/proc/$process" ] && ! grep -q '^State:.Z' "/proc/$process/status" 2>/dev/null; do sleep 0.05; done
      done
      rm -f "$dir/data/postmaster.pid" "$dir"/.s.PGSQL.*
      echo crashed
      ;;
    start) start ;;
  esac
done
$as "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1
rm -rf "$dir"
