# shellcheck shell=bash
# What the scripts of all samples share: the cache folder, messages, hashes of inputs.
# shellcheck disable=SC2034 # used by the scripts that read this file

common=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
base_image=migrate-sample-base

if [ -n "${XDG_CACHE_HOME:-}" ]; then
    cache=$XDG_CACHE_HOME/migrate
else
    cache=$(cd "$common/../.." && pwd)/.cache
fi

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

# need COMMAND PACKAGE: stops and names the package when the command is missing.
need() {
    command -v "$1" >/dev/null || missing+=("$2")
}

stop_if_missing() {
    [ "${#missing[@]}" -eq 0 ] || fail "missing: ${missing[*]}; install them (Debian package names) and call again"
    docker info >/dev/null 2>&1 || fail "no Docker engine answers; start one (dockerd, or systemctl start docker) and call again"
}

# hash_of FOLDER NAME…: one short hash over names, modes and contents of these files and folders in FOLDER.
hash_of() {
    (
        cd "$1" || exit
        shift
        find "$@" -name node_modules -prune -o -type f -printf '%m %p\0' | LC_ALL=C sort -z |
            while IFS= read -r -d '' entry; do
                printf '%s ' "$entry"
                sha256sum <"${entry#* }"
            done | sha256sum | cut -c1-12
    )
}

base_hash() {
    hash_of "$common" build-base
}

is_container_name() {
    [[ $1 =~ ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$ ]]
}
