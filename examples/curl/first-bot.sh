#!/usr/bin/env bash
# A BitMart grid bot with curl alone: plan, create, watch, show, stop.
#   BRIDGE_URL=http://127.0.0.1:8080 BRIDGE_TOKEN=tb_... examples/curl/first-bot.sh [NAME]
set -euo pipefail

: "${BRIDGE_URL:=http://127.0.0.1:8080}"
: "${BRIDGE_TOKEN:?set BRIDGE_TOKEN to an operator or admin token of the bridge}"
name=${1:-first-grid}
# Everything left out has a default; the plan shows what was chosen.
form='{"name": "'$name'", "exchange": "bitmart", "strategy": "spot_grid", "account": "master_account",
       "params": {"pair": "BTC-USDT"}}'

# The token goes in through a pipe: on the command line every user of the machine could read it.
bridge() {
    curl -sS --fail-with-body -K <(printf 'header = "Authorization: Bearer %s"\n' "$BRIDGE_TOKEN") \
        -H 'Content-Type: application/json' "$@"
}

# The value of a field of an operation, which comes before its steps.
field() {
    tr -d '\n' | sed -n 's/"steps" *:.*//; s/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'
}

new_key() { cat /proc/sys/kernel/random/uuid; }

# Sends a command once, prints the answer and keeps the address of the operation it started.
order() { # path, body
    local answer
    answer=$(bridge -X POST "$BRIDGE_URL$1" -H "Idempotency-Key: $(new_key)" -d "$2" \
        -w '\n%header{location}') || {
        printf '%s\n' "$answer"
        exit 1
    }
    printf '%s\n' "${answer%$'\n'*}"
    operation=${answer##*$'\n'}
}

watch() { # address of an operation
    local state seen=''
    while :; do
        state=$(bridge "$BRIDGE_URL$1" | field state)
        [ "$state" = "$seen" ] || printf 'operation: %s\n' "$state"
        seen=$state
        case $state in
        pending | running | settling) sleep 1 ;;
        succeeded) return 0 ;;
        *)
            bridge "$BRIDGE_URL$1"
            return 1
            ;;
        esac
    done
}

echo "1. Plan: what would be sent, and what it can lose. Nothing is sent."
bridge -X POST "$BRIDGE_URL/bots/plan" -d "$form"
echo

echo "2. Create. Should the answer get lost, the same key again gives the same bot, never a second one."
order /bots/create "$form"

echo "3. Watch until it is proven that it trades."
watch "$operation"

echo "4. Show it."
bridge "$BRIDGE_URL/bots/$name"
echo

if [ -t 0 ]; then
    read -r -p "5. Stop it: Enter. Leave it running: Ctrl-C. "
fi
order "/bots/$name/stop" '{}'
watch "$operation"
