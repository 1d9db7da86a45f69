# Serves those who push, and before that, once a day, collects what no image needs any more: nothing can be pushed meanwhile.
# A push that is under way is served first, or tried again by its builder; pulls go on beside.
set -u
config=$1 seconds=$2 over=/tmp/day-is-over child=

stop() {
  trap '' TERM INT
  kill -TERM "$child" 2>/dev/null
  wait "$child"
  exit 0
}
trap stop TERM INT

while :; do
  # Of a registry without images there is nothing to collect, which it calls an error.
  registry garbage-collect "$config" >/tmp/collected 2>&1 &
  child=$!
  wait "$child" || tail -n 1 /tmp/collected

  rm -f "$over"
  registry serve "$config" &
  child=$!
  (sleep "$seconds" && : >"$over" && kill -TERM "$child") &
  wait "$child"
  # It ended by itself: whoever runs this container starts it again.
  [ -e "$over" ] || exit 1
done
