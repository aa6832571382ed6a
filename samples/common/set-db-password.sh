# shellcheck shell=bash
# set-db-password CONTAINER VALUE: changes the database password of a running sample, in MariaDB and in the app's settings.
# shellcheck disable=SC2154 # the sample's own names, see sample.sh

[ $# -eq 2 ] || fail "usage: set-db-password CONTAINER VALUE"
is_container_name "$1" || fail "not a container name: $1"
[[ $2 =~ ^[A-Za-z0-9_.-]+$ ]] || fail "a password of letters, digits, '_', '.' and '-' only, please"

# The value goes in by standard input: not in a process list, not in a log.
docker exec -i "$1" bash -c '
    set -euo pipefail
    user=$1 unit=$2 settings=$3 password=$4 get=$5
    read -r value
    printf "ALTER USER '\''%s'\''@'\''localhost'\'' IDENTIFIED BY '\''%s'\'';\n" "$user" "$value" | mariadb
    { grep -v "^$password=" "$settings"; printf "%s=%s\n" "$password" "$value"; } >"$settings.new"
    chown --reference="$settings" "$settings.new"
    chmod --reference="$settings" "$settings.new"
    mv "$settings.new" "$settings"
    systemctl restart "$unit"
    for _ in $(seq 100); do
        node -e "$get" && exit 0
        sleep 0.2
    done
    echo "the app does not become healthy with the new password" >&2
    exit 1
' set-db-password "$user" "$unit" "$settings" "$password" "$(get)" <<<"$2"
say "the database password of $1 is changed"
