# shellcheck shell=bash
# What is this sample's own; the rest of its scripts is shared with the others, in ../common.
# shellcheck disable=SC2034 # used by ../common

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
common=$(cd "$here/../common" && pwd)
sample=board
title='the old notice board'
host=lindenau
health=/healthz
inputs=(install app www sql rootfs)
user=board
unit=noticeboard.service
settings=/etc/default/noticeboard
password=MYSQL_PASSWORD
kept=(ops_ed25519)

prepare() {
    mkdir -p "$1/opt/noticeboard"
    cp -a "$here/app" "$1/opt/noticeboard/app"
    install_modules "$1/opt/noticeboard/app"
    node "$common/hash-assets.js" "$here/www/src" "$1/var/www/noticeboard" static "$1/opt/noticeboard/app/assets.json" >&2
}

note() {
    echo "log in as edith, password: linden blossom tea; SSH key: $1"
}

# shellcheck source-path=SCRIPTDIR source=../common/sample.sh
. "$common/sample.sh"
