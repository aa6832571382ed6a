#!/bin/sh
# Makes the system tables on an empty volume, sees to it that the databases and accounts of the
# plan are there, and becomes the server given as arguments. Runs as the server's own user.
#
# The user that runs this has full rights through the socket, with no password. Names and
# passwords come from MIGRATE_DATABASE_n, MIGRATE_USER_n and MIGRATE_PASSWORD_n; they reach the
# server through a pipe and are written nowhere.
set -eu
umask 027

data=/var/lib/mysql
fresh=$data/.migrate-init

# The option that names the configuration must stand first.
defaults=
case "${2-}" in --defaults-file=*) defaults=$2 ;; esac

install_tables() {
    rm -rf "$fresh"
    mkdir -m 0750 "$fresh"
    install=$(command -v mariadb-install-db || command -v mysql_install_db)
    "$install" ${defaults:+"$defaults"} --datadir="$fresh" --auth-root-authentication-method=socket \
        --auth-root-socket-user="$(id -un)" --skip-test-db >/dev/null
    : >"$fresh/.complete"
}

# Tables are made in a folder beside their place and moved when they are whole, `mysql` last: a
# container that is killed half way begins again or goes on, and never serves half of them.
if [ ! -d "$data/mysql" ]; then
    for entry in "$data"/* "$data"/.[!.]*; do
        case "$entry" in
            "$data/*" | "$data/.[!.]*" | "$fresh" | "$data/lost+found") continue ;;
        esac
        if [ ! -f "$fresh/.complete" ]; then
            echo "entrypoint: $data holds ${entry##*/} but no system tables: not touched" >&2
            exit 1
        fi
    done
    if [ ! -f "$fresh/.complete" ]; then
        echo "entrypoint: making the system tables" >&2
        install_tables
    fi
    for entry in "$fresh"/*; do
        [ "$entry" = "$fresh/mysql" ] || mv "$entry" "$data/"
    done
    mv "$fresh/mysql" "$data/"
fi
rm -rf "$fresh"

# Any text as a hexadecimal literal, which needs no quoting.
hex() {
    printf '0x%s' "$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')"
}

text() {
    if [ -z "$1" ]; then printf "''"; else printf 'CONVERT(%s USING utf8mb4)' "$(hex "$1")"; fi
}

quoted() {
    printf "CONCAT('\`', REPLACE(%s, '\`', '\`\`'), '\`')" "$1"
}

name() {
    quoted "$(text "$1")"
}

# In a grant, `_` and `%` of a database's name stand for any text unless they are escaped.
literally() {
    quoted "REPLACE(REPLACE($(text "$1"), '_', $(text '\_')), '%', $(text '\%'))"
}

statements() {
    echo "SET SESSION sql_mode = '';"
    echo "SET NAMES utf8mb4;"
    echo "FLUSH PRIVILEGES;"
    n=0
    while eval "[ -n \"\${MIGRATE_USER_$n+x}\" ]"; do
        database='' user='' password=''
        eval "database=\$MIGRATE_DATABASE_$n user=\$MIGRATE_USER_$n password=\$MIGRATE_PASSWORD_$n"
        account="QUOTE($(text "$user")), '@\'%\''"
        echo "EXECUTE IMMEDIATE CONCAT('CREATE DATABASE IF NOT EXISTS ', $(name "$database"));"
        echo "EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ', $account);"
        echo "EXECUTE IMMEDIATE CONCAT('ALTER USER ', $account, ' IDENTIFIED BY ', QUOTE($(text "$password")));"
        echo "EXECUTE IMMEDIATE CONCAT('GRANT ALL PRIVILEGES ON ', $(literally "$database"), '.* TO ', $account);"
        n=$((n + 1))
    done
}

if [ -n "${MIGRATE_USER_0+x}" ]; then
    server=$1
    # All of them or none: a pipe from a function that fails half way would end like a whole one.
    all=$(statements)
    printf '%s\n' "$all" | "$server" ${defaults:+"$defaults"} --datadir="$data" --bootstrap --log-warnings=0
    unset all
fi

# The server need not know them.
n=0
while eval "[ -n \"\${MIGRATE_USER_$n+x}\" ]"; do
    unset "MIGRATE_DATABASE_$n" "MIGRATE_USER_$n" "MIGRATE_PASSWORD_$n"
    n=$((n + 1))
done

exec "$@"
