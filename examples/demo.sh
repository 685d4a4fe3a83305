#!/bin/bash
# What `make demo` shows: 20,000 real flights through a local stream, over the network, counted exactly. Checks
# every total against the file, and fails with the differences. Needs build/weir (or WEIR), zcat, awk, sort.
set -euo pipefail
cd "$(dirname "$0")/.."
weir=${WEIR:-build/weir}
data=examples/data/flights.jsonl.gz
# Nobody's settings but the demo's own: no flight may ever reach a real account.
for name in $(compgen -e AWS_ || true); do
  unset "$name"
done
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
bold='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  bold=$'\e[1m' plain=$'\e[0m'
fi

work=$(mktemp -d)
local_pid=
finish() {
  if [[ -n $local_pid ]]; then
    kill "$local_pid" 2>/dev/null || true
    wait "$local_pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '%s%s%s\n' "$bold" "$*" "$plain"; }
# The command as a reader would type it, then its words.
show() {
  printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"
}

[[ -x $weir ]] || { echo "demo: $weir is missing; make build makes it" >&2; exit 1; }

show "weir local --streams flights:4"
mkfifo "$work/listening"
"$weir" local --port 0 --streams flights:4 >"$work/listening" 2>"$work/local.err" &
local_pid=$!
listening=
read -r listening <"$work/listening" || { cat "$work/local.err" >&2; exit 1; }
echo "$listening"
endpoint=${listening##* }

show "zcat ${data##*/} | weir put flights"
zcat "$data" | "$weir" put flights --endpoint "$endpoint"

show "weir run examples/flights.yaml --until-caught-up"
"$weir" run examples/flights.yaml --endpoint "$endpoint" --until-caught-up --state "$work/state" --json >"$work/run.json"

show "weir query examples/flights.yaml --top 10 --by flights"
"$weir" query examples/flights.yaml --state "$work/state" --top 10 --by flights

# The same again from the file, by means that share nothing with Weir: origin, flights, sum and worst delay.
zcat "$data" | awk '
  {
    match($0, /"origin":"[^"]*"/); origin = substr($0, RSTART + 10, RLENGTH - 11)
    match($0, /"delay":-?[0-9]+/); delay = substr($0, RSTART + 8, RLENGTH - 8) + 0
    flights[origin]++; sum[origin] += delay
    if (flights[origin] == 1 || delay > worst[origin]) worst[origin] = delay
  }
  END { for (o in flights) printf "%s %d %.6f %d\n", o, flights[o], sum[o] / flights[o], worst[o] }' |
  LC_ALL=C sort >"$work/expected"
"$weir" query examples/flights.yaml --state "$work/state" --all --json |
  awk '
  function field(name,   at) {
    at = match($0, "\"" name "\":(\"[^\"]*\"|[^,}]*)")
    at = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3); gsub(/"/, "", at); return at
  }
  { printf "%s %d %.6f %d\n", field("key"), field("flights"), field("delay"), field("worst") }' |
  LC_ALL=C sort >"$work/counted"
number_of() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$work/run.json"; }

echo
if ! diff "$work/expected" "$work/counted" >"$work/differences"; then
  echo "The totals differ from the file's (< the file, > Weir: origin, flights, mean delay, worst):" >&2
  cat "$work/differences" >&2
  exit 1
fi
lines=$(zcat "$data" | wc -l)
if [[ $(number_of records) != "$lines" || $(number_of dead_letters) != 0 ]]; then
  echo "The file has $lines flights; Weir says $(cat "$work/run.json")" >&2
  exit 1
fi
awk -v records="$(number_of records)" -v bytes="$(number_of bytes)" -v keys="$(number_of keys)" \
  -v seconds="$(number_of seconds)" '
  function commas(number) {
    number = sprintf("%d", number)
    while (number ~ /[0-9][0-9][0-9][0-9]/) sub(/[0-9][0-9][0-9]($|,)/, ",&", number)
    return number
  }
  BEGIN {
    printf "%s flights, %s bytes, %s origins in %.2f s: %s records/s.\n", commas(records), commas(bytes), commas(keys),
      seconds, commas(records / seconds)
    printf "Every total equals what awk counts in the file.\n" }'
say "Try next: the same by hand; build/weir --help lists the commands."
