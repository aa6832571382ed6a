#!/bin/sh
# Puts files that hold secrets, and folders that may be lost, where the program looks for them: in
# Lambda only /tmp can be written to, and the image has links to there. Then runs its arguments.
set -eu
umask 077
mkdir -p /tmp/migrate/etc/talk
printf '%s' "$MIGRATE_FILE_1" > /tmp/migrate/etc/talk/talk.env
unset MIGRATE_FILE_1
exec "$@"
