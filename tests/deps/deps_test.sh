#!/bin/bash
# What tools/deps says and does, with stand-ins for Debian's package tools: it must never install unasked, and
# never remove what somebody has.
set -euo pipefail
deps=$(cd "$(dirname "$0")/../.." && pwd)/tools/deps
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
stand_in() {
  printf '#!/bin/bash\n%s\n' "$2" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
stand_in dpkg-query 'exit 0'
stand_in apt-cache 'echo "  Candidate: 1"'
stand_in sudo 'exec "$@"'
# Only `-s` is without effect.
stand_in apt-get 'if [[ $1 == -s ]]; then cat "$SIMULATED"; else echo "$*" >>"$CALLS"; fi'
export PATH=$work/bin:$PATH SIMULATED=$work/simulated CALLS=$work/calls
unset YES SKIP

run() { answer '' "$@"; }
answer() {
  local typed=$1
  shift
  : >"$CALLS"
  code=0
  said=$(printf %s "$typed" | "$deps" "$@" 2>&1) || code=$?
}
expect() {
  if ! eval "$1"; then
    printf 'not so: %s\nexit %s, said:\n%s\ncalls:\n%s\n' "$1" "$code" "$said" "$(cat "$CALLS")" >&2
    exit 1
  fi
}

echo 'Inst g++ (1)' >"$SIMULATED"
run build
expect '[[ $code == 1 && ! -s $CALLS ]]'
expect '[[ $said == *"g++ "*"the C++20 compiler"* && $said == *"nothing was installed"* ]]'
expect '[[ $said != *libgtest-dev* && $said != *"  gzip "* ]]'
run test
expect '[[ $said == *libgtest-dev* && $said != *"the C++20 compiler"* ]]'
run demo
expect '[[ $said == *"  gzip "* && $said != *libgtest-dev* ]]'
run nonsense
expect '[[ $code == 1 && $said == *"there is no list \"nonsense\""* && ! -s $CALLS ]]'

# Only a plain yes is one: whoever presses return, or types ahead, has not agreed to anything.
export YES=ask
for typed in '' $'\n' $'n\n' $'N\n' $'no\n' $'maybe\n' $'yellow\n' $' \n'; do
  answer "$typed" build
  expect '[[ $code == 1 && ! -s $CALLS && $said == *"nothing was installed"* ]]'
done
for typed in $'y\n' $'Y\n' $'yes\n' $'YES\n'; do
  answer "$typed" build
  expect '[[ $code == 0 && $said == *Installed.* && $(cat "$CALLS") == install* ]]'
done

export YES=1
run build
expect '[[ $code == 0 && $said == *"none is removed"* && $said == *Installed.* ]]'
expect '[[ $(cat "$CALLS") == install*--no-remove*g++* ]]'

printf 'Remv libboost1.74-dev [1]\nInst libboost1.81-dev (1)\n' >"$SIMULATED"
run build
expect '[[ $code == 1 && $said == *"would remove what you have: libboost1.74-dev"* && ! -s $CALLS ]]'
