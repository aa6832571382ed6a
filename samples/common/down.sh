# shellcheck shell=bash
# down [--name NAME] [--delete-image]: stops and removes the server of a sample.
# shellcheck disable=SC2034,SC2154 # the sample's own names, see sample.sh; and lib.sh reads what is missing

name=$default_name
delete_image=
while [ $# -gt 0 ]; do
    case $1 in
    --name)
        [ $# -ge 2 ] || fail "--name needs a value"
        name=$2
        shift 2
        ;;
    --delete-image)
        delete_image=1
        shift
        ;;
    -h | --help)
        echo "usage: down [--name NAME] [--delete-image]   removes $title, and what was built for it" >&2
        exit 0
        ;;
    *) fail "unknown argument $1; usage: down [--name NAME] [--delete-image]" ;;
    esac
done
is_container_name "$name" || fail "not a container name: $name"

missing=()
need docker docker.io
stop_if_missing

used=$(docker container inspect --format '{{.Config.Image}}' "$name" 2>/dev/null || true)
case $used in
'') say "$name is not there" ;;
"$image:"*)
    say "stopping $name"
    docker stop --time 20 "$name" >/dev/null
    docker rm --volumes "$name" >/dev/null
    ;;
*) fail "the container $name is not this sample" ;;
esac

# delete_images REPOSITORY
delete_images() {
    docker image ls --format '{{.Repository}}:{{.Tag}}' "$1" | while read -r one; do
        say "deleting image $one"
        docker image rm "$one" >/dev/null || say "$one is still in use"
    done
}

if [ -n "$delete_image" ]; then
    delete_images "$image"
    rm -rf "$cache/sample-$sample"-*
    # The base is every sample's: it goes with the last of them.
    others=$(docker image ls --format '{{.Repository}}' 'migrate-sample-*' | grep -vxF "$base_image" || true)
    if [ -z "$others" ]; then
        delete_images "$base_image"
        rm -f "$cache"/sample-base-*.tar
    fi
fi
