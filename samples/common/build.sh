# shellcheck shell=bash
# build: makes the image of a sample unless it is there. Prints its name on stdout.
#
# Beside the image this leaves in the cache folder what its owner keeps at home (SSH key, passwords): $kept.
# shellcheck disable=SC2034,SC2154 # the sample's own names, see sample.sh; and lib.sh reads what is missing

missing=()
need docker docker.io
need npm npm
need node nodejs
stop_if_missing

name=$image:$(tag)
keys=$cache/sample-$sample-$(tag)
is_built() {
    docker image inspect "$name" >/dev/null 2>&1 || return
    local one
    for one in "${kept[@]}"; do
        [ -f "$keys/$one" ] || return
    done
}
if is_built; then
    echo "$name"
    exit 0
fi

# Two that start at once must not both build; the base is the same for all samples.
mkdir -p "$cache"
exec 9>"$cache/sample-$sample.lock" 8>"$cache/sample-base.lock"
flock 9
if is_built; then
    echo "$name"
    exit 0
fi
flock 8
base=$("$common/build-base")
flock -u 8

work=$(mktemp -d)
container=
cleanup() {
    rm -rf "$work"
    [ -z "$container" ] || docker rm -f "$container" >/dev/null
}
trap cleanup EXIT

# install_modules FOLDER: what the lock file in FOLDER names, nothing else.
install_modules() {
    say "installing the app's modules with npm"
    rm -rf "$1/node_modules"
    (cd "$1" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
}

root=$work/root
mkdir -p "$root/build"
cp -a "$here/rootfs/." "$root/"
cp -a "$here/sql" "$here/install" "$root/build/"
prepare "$root"
chmod -R u=rwX,go=rX "$root"

say "setting the server up"
container=$(docker run -d --hostname "$host" "$base" sleep infinity)
tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker cp - "$container:/"
docker exec "$container" bash /build/install >&2
mkdir -p "$keys"
chmod 700 "$keys"
for one in "${kept[@]}"; do
    docker cp "$container:/build/home/$one" "$keys/$one" >/dev/null
    chmod 600 "$keys/$one"
done
docker exec "$container" rm -rf /build
docker kill "$container" >/dev/null
docker commit --change 'CMD ["/sbin/init"]' --change 'ENV container=docker' "$container" "$name" >/dev/null
echo "$name"
