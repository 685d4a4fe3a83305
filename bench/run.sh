#!/bin/sh
# Speed and memory of what `make bench` has built: the machine, a table, and a line `bench <name> <value> <unit>`
# for each figure. Runs of Weir and of the limit alternate, so that a busy moment hits both; figures are medians.
#   RUNS    alternating runs (5)
#   PAGES   replies of 10,000 records a shard, of 4 (25: a million records)
set -eu
cd "$(dirname "$0")/.."
programs=build/release/bench
runs=${RUNS:-5}
pages=${PAGES:-25}
work=$(mktemp -d)
server=
finish() {
  exec 9>&- || true
  if [ -n "$server" ]; then wait "$server" || true; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Starts the replay server; it ends when descriptor 9 is closed. Sets `url`.
start_server() {
  rm -f "$work/hold" && mkfifo "$work/hold"
  "$programs/bench_replay_server" "$@" <"$work/hold" >"$work/address" &
  server=$!
  exec 9>"$work/hold"
  while ! grep -q listening "$work/address"; do
    kill -0 "$server" || exit 1
    sleep 0.1
  done
  url=$(sed -n 's/^listening on //p' "$work/address")
}
stop_server() {
  exec 9>&-
  wait "$server"
  server=
}
field() { sed -n "s/.*$1 \([0-9.]*\).*/\1/p"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo), Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg)"
echo "stream: 4 shards, $((pages * 40000)) records of about 330 bytes, 10,000 keys (Zipf 1.0)"
echo

start_server --pages "$pages"
printf '%-6s %22s %22s\n' run 'limit, CPU ns/record' 'Weir, CPU ns/record'
run=1
while [ "$run" -le "$runs" ]; do
  limit=$("$programs/bench_limit" --endpoint "$url" | field cpu_ns_per_record)
  weir=$("$programs/bench_weir_count" --endpoint "$url" --state "$work/state$run" | field cpu_ns_per_record)
  rm -rf "$work/state$run"
  printf '%-6s %22s %22s\n' "$run" "$limit" "$weir"
  echo "$limit" >>"$work/limit"
  echo "$weir" >>"$work/weir"
  run=$((run + 1))
done
stop_server
limit=$(median <"$work/limit")
weir=$(median <"$work/weir")
printf '%-6s %22s %22s\n\n' median "$limit" "$weir"

echo "state: rows into RocksDB, 8,500 a commit"
"$programs/bench_state_commit" --directory "$work/rows" | tee "$work/rows.txt"
"$programs/bench_state_commit" --directory "$work/rows" --keys 1000000 --commits 40
echo

build/release/weir local --port 0 --streams bench:4 --quiet >"$work/local" &
server=$!
while ! grep -q listening "$work/local"; do
  kill -0 "$server" || exit 1
  sleep 0.1
done
exchange=$("$programs/bench_local_client" --port "$(sed -n 's/.*://p' "$work/local")")
kill -INT "$server"
wait "$server"
server=

# An hour of a stream of 10,000 records a second, every key as often as any other.
start_server --pages 900 --keys 5000000 --spread
memory=$("$programs/bench_weir_count" --endpoint "$url" --state "$work/hour" --memory)
stop_server
rm -rf "$work/hour"

start_server --shards 1000 --pages 0 --records 1 --keys 1
idle=$("$programs/bench_weir_count" --endpoint "$url" --state "$work/idle" --idle-seconds "${IDLE_SECONDS:-20}")
stop_server

echo "bench limit_ns_per_record $limit ns"
echo "bench weir_ns_per_record $weir ns"
echo "bench ratio_count $(awk "BEGIN { printf \"%.3f\", $limit / $weir }") ratio"
echo "bench state_us_per_row $(sed -n 's/.*cpu *\([0-9.]*\) us.*/\1/p' "$work/rows.txt") us"
echo "bench local_put_per_s $(echo "$exchange" | field put_per_s) records/s"
echo "bench local_get_bytes_per_s $(echo "$exchange" | field get_bytes_per_s) B/s"
echo "bench hour_5m_keys_rss_quarter_mb $(echo "$memory" | field quarter_mb) MB"
echo "bench hour_5m_keys_rss_end_mb $(echo "$memory" | field end_mb) MB"
echo "bench idle_1000_shards_rss_mb $(echo "$idle" | field rss_mb) MB"
echo "bench idle_1000_shards_cpu_percent $(echo "$idle" | field cpu_percent) percent"
