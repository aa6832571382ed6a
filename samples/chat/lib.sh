# shellcheck shell=bash
# What the sample's scripts share: names, the cache folder, messages, hashes of inputs.

# shellcheck disable=SC2034 # used by the scripts that read this file
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

image=migrate-sample-chat
base_image=migrate-sample-base
default_name=migrate-sample-chat

if [ -n "${XDG_CACHE_HOME:-}" ]; then
    cache=$XDG_CACHE_HOME/migrate
else
    cache=$(cd "$here/../.." && pwd)/.cache
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

# hash_of FILE_OR_FOLDER…: one short hash over names, modes and contents, relative to the sample's folder.
hash_of() {
    (
        cd "$here" || exit
        find "$@" -name node_modules -prune -o -type f -printf '%m %p\0' | LC_ALL=C sort -z |
            while IFS= read -r -d '' entry; do
                printf '%s ' "$entry"
                sha256sum <"${entry#* }"
            done | sha256sum | cut -c1-12
    )
}

base_hash() {
    hash_of build-base
}

# The tag of the image that these sources make.
tag() {
    hash_of build-base build install app www sql rootfs
}

is_container_name() {
    [[ $1 =~ ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$ ]]
}
