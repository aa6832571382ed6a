# shellcheck shell=bash
# What is this sample's own; the rest of its scripts is shared with the others, in ../common.
# shellcheck disable=SC2034 # used by ../common

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
common=$(cd "$here/../common" && pwd)
sample=chat
title='the old chat server'
host=northfold-web1
health=/api/health
inputs=(install app www sql rootfs)
user=chat
unit=chat.service
settings=/etc/chat/chat.env
password=DB_PASSWORD
kept=(ops_ed25519 admin-password)

prepare() {
    mkdir -p "$1/srv/chat"
    cp -a "$here/app" "$1/srv/chat/app"
    install_modules "$1/srv/chat/app"
    node "$common/hash-assets.js" "$here/www/src" "$1/srv/chat/www" assets >&2
}

note() {
    echo "log in as ada, password: correct horse battery; SSH key and /admin/ password: $1"
}

# shellcheck source-path=SCRIPTDIR source=../common/sample.sh
. "$common/sample.sh"
