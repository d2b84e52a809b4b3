#!/usr/bin/env bash
# The steps of action.yml. They run on runners with Linux, macOS and Windows, and in the tests of this repository.
#
#   action.sh key      writes the output `key`: a hash of the sources, which names the program in the cache
#   action.sh install  builds tussock from the sources of this action, unless the cache had it
#   action.sh check    runs `tussock validate`, adds to the summary of the job, and writes the outputs
#
# Inputs come as variables and are never part of a command's text. Outputs are numbers and true or false: nothing that
# somebody wrote into a deal can become one.
set -euo pipefail

installed=${RUNNER_TEMP:?}/tussock-action

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

key() {
    local hash
    hash=$(
        cd "${GITHUB_ACTION_PATH:?}"
        export LC_ALL=C
        find Cargo.toml Cargo.lock src templates example-pipeline -type f -print0 | sort -z |
            while IFS= read -r -d '' file; do sha256 "$file"; done | sha256 -
    )
    printf 'key=%s\n' "${hash%% *}" >>"${GITHUB_OUTPUT:?}"
}

# The program, as it is called on this system.
program() {
    if [ -n "${TUSSOCK_ACTION_BINARY:-}" ]; then
        printf '%s' "$TUSSOCK_ACTION_BINARY"
    elif [ -x "$installed/bin/tussock.exe" ]; then
        printf '%s' "$installed/bin/tussock.exe"
    else
        printf '%s' "$installed/bin/tussock"
    fi
}

install() {
    # Later steps of the job find it as well.
    printf '%s\n' "$installed/bin" >>"${GITHUB_PATH:?}"
    if "$(program)" --version 2>/dev/null; then
        return
    fi
    if ! command -v cargo >/dev/null 2>&1; then
        echo "::error title=tussock::cargo is not on this runner; install Rust before this step, or give the input binary"
        exit 1
    fi
    cargo install --locked --path "${GITHUB_ACTION_PATH:?}" --root "$installed"
}

# A number of the summary in tussock's JSON. Texts of a deal never stand on a line of their own there.
count() {
    local number
    number=$(sed -n "s/^    \"$1\": \([0-9][0-9]*\),\{0,1\}$/\1/p" "$2" 2>/dev/null | head -n 1)
    printf '%s' "${number:-0}"
}

check() {
    local json=$RUNNER_TEMP/tussock-findings.json page=$RUNNER_TEMP/tussock-findings.md
    local directory=${GITHUB_WORKSPACE:?}/${TUSSOCK_ACTION_DIRECTORY:-.}
    local options=(--format github --also "json=$json" --also "markdown=$page")
    local fail_on=${TUSSOCK_ACTION_FAIL_ON:-error}
    rm -f "$json" "$page"
    case $fail_on in
    error | warning | info) options+=(--fail-on "$fail_on") ;;
    never) options+=(--exit-zero) ;;
    *)
        echo "::error title=tussock::the input fail-on is error, warning, info or never"
        exit 2
        ;;
    esac
    if [ -n "${TUSSOCK_ACTION_PIPELINE:-}" ]; then
        options+=("--pipeline=$TUSSOCK_ACTION_PIPELINE")
    fi
    if [ -n "${TUSSOCK_ACTION_SARIF:-}" ]; then
        options+=(--also "sarif=$GITHUB_WORKSPACE/$TUSSOCK_ACTION_SARIF")
    fi
    local ended=0
    "$(program)" -C "$directory" validate "${options[@]}" || ended=$?
    if [ -f "$page" ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
        cat "$page" >>"$GITHUB_STEP_SUMMARY"
    fi
    {
        printf 'exit-code=%d\n' "$ended"
        if [ "$ended" -eq 0 ]; then echo clean=true; else echo clean=false; fi
        local what
        for what in errors warnings infos deals unreadable; do
            printf '%s=%d\n' "$what" "$(count "$what" "$json")"
        done
    } >>"${GITHUB_OUTPUT:?}"
    exit "$ended"
}

case ${1:-} in
key) key ;;
install) install ;;
check) check ;;
*)
    echo "usage: action.sh key|install|check" >&2
    exit 2
    ;;
esac
