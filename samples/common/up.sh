# shellcheck shell=bash
# up [--name NAME]: starts the server of a sample. Prints its base URL on stdout.
# shellcheck disable=SC2154 # the sample's own names, see sample.sh

name=$default_name
while [ $# -gt 0 ]; do
    case $1 in
    --name)
        [ $# -ge 2 ] || fail "--name needs a value"
        name=$2
        shift 2
        ;;
    -h | --help)
        echo "usage: up [--name NAME]   starts $title; prints its base URL" >&2
        exit 0
        ;;
    *) fail "unknown argument $1; usage: up [--name NAME]" ;;
    esac
done
is_container_name "$name" || fail "not a container name: $name"

wanted=$("$here/build")
state=$(docker container inspect --format '{{.State.Running}} {{.Config.Image}}' "$name" 2>/dev/null || true)
case $state in
'' | "true $wanted") ;;
"false $wanted")
    say "starting $name again"
    docker start "$name" >/dev/null
    ;;
*" $image:"*)
    say "replacing $name, which was made from other sources"
    docker rm --force --volumes "$name" >/dev/null
    state=
    ;;
*) fail "a container named $name is there already and is not this sample; choose another --name" ;;
esac

if [ -z "$state" ]; then
    say "starting $name"
    flags=(
        --cap-add SYS_ADMIN --cap-add NET_ADMIN
        --security-opt seccomp=unconfined
        --cgroupns=host --volume /sys/fs/cgroup:/sys/fs/cgroup:rw
        --tmpfs /run --tmpfs /run/lock --tmpfs /tmp
        --hostname "$host"
        --publish 127.0.0.1::80
        --stop-signal SIGRTMIN+3
    )
    security=$(docker info --format '{{json .SecurityOptions}}')
    case $security in
    *apparmor*) flags+=(--security-opt apparmor=unconfined) ;;
    esac
    # cgroup v1 needs systemd's own hierarchy on the host; v2 has one for all.
    if [ "$(docker info --format '{{.CgroupVersion}}')" = 1 ] && [ -d /sys/fs/cgroup ] &&
        [ ! -d /sys/fs/cgroup/systemd ]; then
        fail "this host has no /sys/fs/cgroup/systemd; mount it: mkdir /sys/fs/cgroup/systemd && mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd"
    fi
    docker run -d --name "$name" "${flags[@]}" "$wanted" >/dev/null
fi

address=$(docker container inspect --format '{{.NetworkSettings.IPAddress}}' "$name")
[ -n "$address" ] || fail "$name has no address on Docker's default bridge"
published=$(docker port "$name" 80/tcp | head -n 1)

# Asked from inside, so that this works where the container's network is not the host's (a virtual machine).
deadline=$((SECONDS + 90))
until docker exec "$name" node -e "$(get)" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ] ||
        [ "$(docker container inspect --format '{{.State.Running}}' "$name" 2>/dev/null)" != true ]; then
        say "the server is not healthy; its last messages:"
        docker exec "$name" journalctl --no-pager --lines 40 >&2 2>/dev/null || docker logs --tail 40 "$name" >&2
        exit 1
    fi
    sleep 0.3
done

say "$name is up: for a browser http://$published/"
say "$(note "$cache/sample-$sample-${wanted##*:}/")"
echo "http://$address"
