# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What `run` and `hour` share: packages, the loopback, the servers, the count. Source it from the repository's root.
B=${B:-build}
CACHE=$PWD/build/clients
here=tests/clients
passed=0 failed=0 skipped=0

# --- packages; a registry that cannot be reached is a named skip, not a failure ---
# Each folder remembers what was installed into it, so a second run installs nothing.
installed() { # folder packages
    [ "$(cat "$CACHE/$1/installed" 2> /dev/null)" = "$2" ]
}
venv() { # folder packages
    local dir=$CACHE/$1
    installed "$1" "$2" && return
    # shellcheck disable=SC2086 # a list of packages
    python3 -m venv "$dir" > "$CACHE/$1.log" 2>&1 && "$dir/bin/pip" -q install $2 >> "$CACHE/$1.log" 2>&1 &&
        echo "$2" > "$dir/installed"
}
npm_dir() { # folder packages
    local dir=$CACHE/$1
    installed "$1" "$2" && return
    mkdir -p "$dir"
    echo '{"private":true,"type":"module"}' > "$dir/package.json"
    # shellcheck disable=SC2086
    (cd "$dir" && npm install --silent --no-audit --no-fund $2 > "$CACHE/$1.log" 2>&1) && echo "$2" > "$dir/installed"
}

# --- the loopback and nothing else: no client can reach anything but the servers below ---
# Runs the script again inside, where POSTERN_INSIDE is set. Where the system forbids it, the clients' own switches hold.
go_inside() { # script arguments...
    local enter=(unshare -n)
    [ -n "${POSTERN_INSIDE:-}" ] && return
    export POSTERN_INSIDE=1
    [ "$(id -u)" -eq 0 ] || enter=(unshare -rn)
    if "${enter[@]}" ip link set lo up 2> /dev/null; then
        # shellcheck disable=SC2016 # expands inside
        exec "${enter[@]}" bash -c 'ip link set lo up && exec "$0" "$@"' "$@"
    fi
    echo "note: no network namespace here, the clients run beside the network"
}

# --- the servers: one scripted upstream that plays every dialect, and Postern in front of it ---
open_house() {
    work=$(mktemp -d)
    pids=() houses=()
    trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
    start_server "$work/scripted.out" '^port ' python3 $here/upstream.py
    scripted=$(awk '/^port /{print $2}' "$work/scripted.out")
    {
        echo "listen: 127.0.0.1:0"
        echo "keys: open"
        echo "providers:"
        python3 $here/upstream.py --providers "$scripted"
        echo "default_model: cc_helper-vllm"
        echo "aliases:" # names that make Claude Code send other requests than it sends for an unknown name
        echo "  claude-opus-5-5: cc_search-vllm"
        echo "  claude-sonnet-4-5: cc_tool-deepseek"
        echo "  claude-3-5-sonnet-20241022: cc_tool-llamacpp"
    } > "$work/wires.yaml"
    start_postern "$work/wires.yaml" "$work/wires"
    # shellcheck disable=SC2034 # for those who source this
    on_wires=(env "POSTERN_URL=$REPLY" "POSTERN_LOG=$work/wires.log")
    POSTERN_DIALECTS=${POSTERN_DIALECTS:-$(python3 $here/upstream.py --dialects)}
    export POSTERN_DIALECTS POSTERN_SCRIPTED=http://127.0.0.1:$scripted
}
start_server() { # output pattern command...: until the output holds the pattern
    local out=$1 pattern=$2
    shift 2
    "$@" > "$out" 2>&1 &
    pids+=($!)
    for _ in $(seq 100); do
        grep -qs "$pattern" "$out" && return
        sleep 0.1
    done
    cat "$out"
    echo "0 passed, 1 failed, 0 skipped: $1 did not start"
    exit 1
}
start_postern() { # config out: the URL is in REPLY
    "$B/postern" serve -c "$1" --admin 127.0.0.1:0 > "$2.log" 2> "$2.err" &
    pids+=($!)
    houses+=("$!:$2.err")
    for _ in $(seq 100); do
        grep -qs 'base URL' "$2.err" && break
        sleep 0.1
    done
    REPLY=$(awk '/base URL/{print $NF}' "$2.err")
    if [ -z "$REPLY" ]; then
        cat "$2.err"
        echo "0 passed, 1 failed, 0 skipped: no server for $1"
        exit 1
    fi
}

# --- suites: each prints TAP lines ---
count() { # name output-file status seconds
    local ok not
    ok=$(grep -c '^ok ' "$2")
    not=$(grep -c '^not ok ' "$2")
    if [ "$3" -ne 0 ] && [ "$not" -eq 0 ]; then not=1; fi
    passed=$((passed + ok)) failed=$((failed + not))
    echo "$1: $ok passed, $not failed ($4 s)"
    if [ "$not" -ne 0 ]; then grep -v '^ok ' "$2"; fi
}
suite() { # name folder packages command...
    local name=$1 folder=$2 packages=$3 began=$SECONDS
    shift 3
    case $name in
        *"${ONLY:-}"*) ;;
        *) return ;;
    esac
    if ! installed "$folder" "$packages"; then
        echo "$name: skipped, $packages could not be installed"
        skipped=$((skipped + 1))
        return
    fi
    timeout 170 "$@" > "$work/suite.tap" 2>&1
    count "$name" "$work/suite.tap" $? $((SECONDS - began))
}
report() { # each server must also end well: a sanitizer's findings make its status bad
    local house
    for house in "${houses[@]}"; do
        kill "${house%%:*}"
        if wait "${house%%:*}"; then continue; fi
        echo "a server ended badly:"
        cat "${house#*:}"
        failed=$((failed + 1))
    done
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

# shellcheck disable=SC2034 # for those who source this
CLAUDE_CODE=@anthropic-ai/claude-code-linux-x64@2.1.329
CLAUDE=$CACHE/claude-code/node_modules/@anthropic-ai/claude-code-linux-x64/claude
export CLAUDE
