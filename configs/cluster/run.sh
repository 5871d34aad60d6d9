#!/usr/bin/env bash
# Runs what is in this folder on one machine: PostgreSQL, mosquitto, the registry, two gateways. Ctrl-C ends all of it.
#   run.sh [FOLDER]     FOLDER holds all data and logs; zhuomu-data/cluster unless you say otherwise
# Root starts PostgreSQL as the user `postgres`, since PostgreSQL refuses to be root's; FOLDER must be open to that user.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
FOLDER=${1:-zhuomu-data/cluster}
ZHUOMU=${ZHUOMU:-zhuomu}
PGPORT=$(sed -n 's|^database_url = .*@127.0.0.1:\([0-9]*\)/gateway"|\1|p' "$HERE/gateway-1.toml")
export PGPORT PGUSER=zhuomu PGHOST=127.0.0.1
PATH=$PATH:/usr/sbin:$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)

mkdir -p "$FOLDER" && cd "$FOLDER"
FOLDER=$(pwd)
export PGPASSFILE=$FOLDER/pgpass
is_root() { [ "$(id -u)" = 0 ]; }
as_postgres() { # in a subshell or the background alone: it becomes the command
    if is_root; then exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else exec "$@"; fi
}

prepare() { # once: a database cluster that asks for a password, made up here
    (umask 077 && printf '127.0.0.1:*:*:zhuomu:%s\n' "$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')" >pgpass)
    (umask 077 && cut -d: -f5 pgpass >password)
    mkdir -p postgres
    ! is_root || chown postgres postgres password
    (as_postgres initdb -D "$FOLDER/postgres" -U zhuomu -A scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
        --pwfile=password) >initdb.log
    rm password
}

keepers=()
keep() { # NAME COMMAND...: in the background; started again when it ends
    local name=$1
    shift
    (
        trap 'kill "$child" 2>/dev/null || true; wait "$child" || true; exit 0' TERM
        trap '' INT
        while true; do
            "$@" >>"$name.log" 2>&1 &
            child=$!
            wait "$child" || true
            echo "$name ended, see $FOLDER/$name.log; starts again in a second" >&2
            sleep 1 &
            wait $! || true
        done
    ) &
    keepers+=("$!")
}

stop() { # gateways first, PostgreSQL last
    trap - EXIT INT TERM
    for ((n = ${#keepers[@]} - 1; n >= 0; n--)); do
        kill "${keepers[n]}" 2>/dev/null || true
        wait "${keepers[n]}" 2>/dev/null || true
    done
}
trap stop EXIT
trap 'exit 0' INT TERM

[ -s postgres/PG_VERSION ] || prepare
keep postgresql as_postgres postgres -D "$FOLDER/postgres" -c listen_addresses=127.0.0.1 -c port="$PGPORT" \
    -c unix_socket_directories= -c max_connections=200
for ((n = 0; n < 300; n++)); do ! pg_isready -q || break; sleep 0.2; done
pg_isready -q || { echo "error: PostgreSQL does not start; see $FOLDER/postgresql.log" >&2; exit 2; }
for name in gateway registry; do
    psql -d postgres -Atc "SELECT 1 FROM pg_database WHERE datname = '$name'" | grep -q 1 || createdb "$name"
done
keep mosquitto mosquitto -c "$HERE/mosquitto.conf"
keep registry $ZHUOMU registry --config "$HERE/registry.toml"
keep gateway-1 $ZHUOMU gateway --config "$HERE/gateway-1.toml"
keep gateway-2 $ZHUOMU gateway --config "$HERE/gateway-2.toml"
echo "logs in $FOLDER; Ctrl-C ends everything"
wait
