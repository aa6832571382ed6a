# shellcheck shell=bash
# Read by the `sample.sh` of each sample, after it has said what is its own:
#   here      its folder                     sample   its short name: image, container and cache are named after it
#   title     what it is, in messages        host     the server's host name
#   health    the path that answers 200      inputs   what its image is made of, in its folder (beside sample.sh)
#   user, unit, settings, password           the app's user, systemd unit, file of settings, and the password's name in it
#   kept      files that `install` leaves in /build/home for its owner
#   prepare ROOT   puts the sample's files below ROOT   note URL FOLDER   what a person needs to know who looks at it
# shellcheck disable=SC2034,SC2154 # these names are set and used in the files around this one
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=migrate-sample-$sample
default_name=$image

# The tag of the image that these sources make.
tag() {
    { hash_of "$common" build-base build.sh hash-assets.js && hash_of "$here" sample.sh "${inputs[@]}"; } | sha256sum | cut -c1-12
}

# get: a script that exits 0 when the server answers 200 at its health path, for node inside the server.
get() {
    cat <<JS
require("node:http").get({ host: "127.0.0.1", path: "$health", timeout: 2000 }, (res) => {
    process.exit(res.statusCode === 200 ? 0 : 1);
}).on("error", () => process.exit(1)).on("timeout", () => process.exit(1));
JS
}
