#!/bin/sh
# Runs its arguments by the clock: 17 3 * * *, Europe/Berlin.
# One run at a time; a minute that passes while one runs is not made up for, as with cron.
set -u
TZ=Europe/Berlin
export TZ
minutes=17
hours=3
days='1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31'
months='1 2 3 4 5 6 7 8 9 10 11 12'
weekdays='0 1 2 3 4 5 6'
either_day=no

child=
stop() {
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
    [ -z "$child" ] || wait "$child"
    exit 0
}
trap stop TERM INT

# Whether the list in $1 holds the number in $2, which date may have filled up with a zero.
has() {
    number=${2#0}
    case " $1 " in *" ${number:-0} "*) return 0 ;; esac
    return 1
}

due() {
    # shellcheck disable=SC2046 # words are wanted
    set -- $(date '+%M %H %d %m %w')
    has "$minutes" "$1" && has "$hours" "$2" && has "$months" "$4" || return 1
    if [ "$either_day" = yes ]; then
        has "$days" "$3" || has "$weekdays" "$5"
    else
        has "$days" "$3" && has "$weekdays" "$5"
    fi
}

while :; do
    second=$(date +%S)
    sleep $((60 - ${second#0})) &
    child=$!
    wait "$child"
    child=
    due || continue
    echo "cron: $(date '+%Y-%m-%dT%H:%M:%S%z') begins"
    "$@" &
    child=$!
    wait "$child"
    code=$?
    child=
    echo "cron: $(date '+%Y-%m-%dT%H:%M:%S%z') ended with exit code $code"
done
