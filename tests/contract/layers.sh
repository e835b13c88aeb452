#!/usr/bin/env bash
# A layer must not be able to include a header of a layer above it: each layer's own compile command
# is tried with a file that includes one of the next layer, and with one of its own.
#   layers.sh BUILD_DIR
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

layers=(base record store engine broker_client)
headers=(err.h envelope.h store.h core.h relay_conf.h) # names that no system header has

# The include paths of a layer, from one of its compile commands.
flags() {
    local commands
    commands=$(ninja -C "$build" -t commands "lib$1.a")
    grep -m1 -E "/$1\.dir/(sync|broker-client)/" <<<"$commands" | grep -oE -- '-I[^ ]+'
}
compiles() { # compiles LAYER HEADER
    echo "#include \"$2\"" >"$work/probe.c"
    # shellcheck disable=SC2046 # several words
    cc -D_GNU_SOURCE -fsyntax-only $(flags "$1") "$work/probe.c" 2>"$work/errors"
}

for i in "${!layers[@]}"; do
    for j in "${!headers[@]}"; do
        if [ "$j" -le "$i" ] && ! compiles "${layers[i]}" "${headers[j]}"; then
            echo "${layers[i]} cannot include ${headers[j]}, which it may:"
            cat "$work/errors"
            exit 1
        elif [ "$j" -gt "$i" ] && compiles "${layers[i]}" "${headers[j]}"; then
            echo "${layers[i]} can include ${headers[j]}, which is above it"
            exit 1
        fi
    done
done
