#!/bin/bash
# A job under Lambda: asks the Runtime API for the next event, runs the command once, tells how it
# ended. Needs bash and nothing else. The command is the container's own: see template.yaml.
set -u
api=${AWS_LAMBDA_RUNTIME_API:?is set by Lambda}
host=${api%:*} port=${api##*:}
[ "$host" != "$api" ] || port=80
base=/2018-06-01/runtime

# send METHOD PATH BODY: one request; the answer's id is kept in $id.
send() {
    exec 3<>"/dev/tcp/$host/$port" || return 1
    printf '%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$2" "$api" "${#3}" "$3" >&3
    local line
    id=
    while IFS= read -r line <&3; do
        line=${line%$'\r'}
        [ -n "$line" ] || break
        case ${line,,} in lambda-runtime-aws-request-id:*) id=${line#*:} id=${id# } ;; esac
    done
    exec 3>&- 3<&-
    return 0
}

while :; do
    send GET "$base/invocation/next" "" || exit 1
    call=$id
    [ -n "$call" ] || { echo "the Runtime API gave no request id" >&2; exit 1; }
    "$@"
    code=$?
    if [ "$code" = 0 ]; then
        send POST "$base/invocation/$call/response" '{"exit":0}' || exit 1
    else
        send POST "$base/invocation/$call/error" \
            "{\"errorType\":\"Job.Exit\",\"errorMessage\":\"the job ended with exit code $code\"}" || exit 1
    fi
done
