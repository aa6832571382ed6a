#!/bin/sh
# Puts files that hold secrets, and folders that may be lost, where the program looks for them: in
# Lambda only /tmp can be written to, and the image has links to there. Then runs its arguments.
set -eu
umask 077
mkdir -p /tmp/migrate/var/log/talk
exec "$@"
