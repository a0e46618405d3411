#!/usr/bin/env bash
# Finds the user and password of a Hummingbot API on this machine and says which variables the
# bridge wants.
#
#   scripts/find_hummingbot_creds.sh [--show] [DIR]
#
# DIR (default ~/hummingbot_files) is searched with its sub-folders. Looked at, best first:
#   1. the environment of the running container (when docker is there)
#   2. .env beside a compose file
#   3. literals in a compose file
#   4. the environment of an API that runs without a container (uvicorn main:app)
#   --show   prints the password; without it only its length
#   --help   prints this
# Exit: 0 found, 1 not found, 2 wrong usage. Needs neither docker nor jq, changes nothing, sends
# nothing. CONFIG_PASSWORD and DATABASE_URL are never printed: they open the exchange keys and the
# database.
set -u

API_NAMES='hummingbot-api|backend-api'
SEARCH_DEPTH=4
TAB=$'\t'

show=no
dir=
dir_given=no
warnings=()
# The pair that wins: the first source that has both.
found_user='' found_password='' found_where='' found_era='' found=no

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"; }

say() { printf '%s\n' "$*"; }

warn() {
    local known
    for known in ${warnings[@]+"${warnings[@]}"}; do
        [ "$known" != "$1" ] || return 0
    done
    warnings+=("$1")
}

# ---- values: read without being shown ------------------------------------------------------------

# For the shell, so that white space and quotes can be seen; control characters never reach the
# terminal as such.
quoted() {
    case $1 in
    *[[:cntrl:]]*) printf '%q' "$1" ;;
    *) printf "'%s'" "${1//\'/\'\\\'\'}" ;;
    esac
}

has_edge_space() {
    case $1 in
    [[:space:]]* | *[[:space:]]) return 0 ;;
    *) return 1 ;;
    esac
}

describe_password() {
    local text
    if [ -z "$1" ]; then
        say "empty"
        return
    fi
    text="${#1} characters"
    if has_edge_space "$1"; then
        text="$text, WITH white space at its beginning or end"
    else
        text="$text, no white space at its ends"
    fi
    if [ $show = yes ]; then
        say "$(quoted "$1") ($text)"
    else
        say "$text (--show prints it)"
    fi
}

# Where readers disagree about an unquoted value, only the running process knows what it got.
warn_about_raw() { # raw text, name, place
    case $1 in
    \"*\" | \'*\') ;;
    *[\#\$\"\'\\\`]*)
        warn "$3: the value of $2 holds one of # \$ \" ' \\ \` unquoted; compose, a shell and the API read such a value differently. Trust the running container, or put the value in single quotes and recreate it (docker compose up -d)."
        ;;
    *[![:space:]]*[[:space:]]*[![:space:]]*)
        warn "$3: the value of $2 holds a space unquoted; a shell that sources the file cuts it there."
        ;;
    esac
}

# The value as compose and python-dotenv read it: quotes removed, else cut at ' #' and trimmed.
plain_value() {
    local v=$1
    v="${v#"${v%%[![:space:]]*}"}"
    case $v in
    \"*\"*)
        v=${v#\"}
        v=${v%%\"*}
        ;;
    \'*\'*)
        v=${v#\'}
        v=${v%%\'*}
        ;;
    *)
        v="${v%%[[:space:]]#*}"
        v="${v%"${v##*[![:space:]]}"}"
        ;;
    esac
    printf '%s' "$v"
}

# ---- .env files ----------------------------------------------------------------------------------

# The last raw value of a name; fails when the file does not set it.
env_raw() { # file, name
    local line key value='' hit=1
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line#$'\xef\xbb\xbf'}
        case $line in
        [[:space:]]#* | \#*) continue ;;
        *=*) ;;
        *) continue ;;
        esac
        key=${line%%=*}
        key="${key#"${key%%[![:space:]]*}"}"
        key=${key#export }
        key="${key#"${key%%[![:space:]]*}"}"
        key="${key%"${key##*[![:space:]]}"}"
        if [ "$key" = "$2" ]; then
            value=${line#*=}
            hit=0
        fi
    done <"$1"
    [ $hit -eq 0 ] || return 1
    printf '%s' "$value"
}

env_has() { env_raw "$1" "$2" >/dev/null; }

env_value() { # file, name: empty when unset
    local raw
    raw=$(env_raw "$1" "$2") || return 0
    plain_value "${raw%$'\r'}"
}

warn_about_env_file() { # file
    local name raw
    if grep -q $'\r$' "$1"; then
        warn "$1: its lines end as on Windows; tools that do not expect that take the carriage return as part of the password. Convert the file (sed -i 's/\\r\$//')."
    fi
    if grep -Eq '^[[:space:]]+(export +)?(USERNAME|PASSWORD)[[:space:]]*=' "$1"; then
        warn "$1: USERNAME or PASSWORD has a space before its name; some readers then see another name and the API starts with its defaults."
    fi
    if grep -Eq '^[[:space:]]*(export +)?(USERNAME|PASSWORD)[[:space:]]+=' "$1"; then
        warn "$1: USERNAME or PASSWORD has a space before its '='; some readers then see another name and the API starts with its defaults."
    fi
    for name in USERNAME PASSWORD; do
        raw=$(env_raw "$1" $name) || continue
        raw=${raw%$'\r'}
        warn_about_raw "$raw" $name "$1"
        case $raw in
        *[[:space:]])
            warn "$1: the value of $name has white space at its end; some readers drop it, others keep it as part of the value."
            ;;
        esac
        if [ "$(grep -Ec "^[[:space:]]*(export +)?${name}[[:space:]]*=" "$1")" -gt 1 ]; then
            warn "$1: $name is set more than once; the last one counts."
        fi
    done
    warn_about_debug "$(env_value "$1" DEBUG_MODE)" "$1"
}

warn_about_debug() { # value, place
    case $1 in
    '') ;;
    [Tt][Rr][Uu][Ee] | 1 | [Yy][Ee][Ss] | [Oo][Nn])
        warn "$2: DEBUG_MODE is on: builds before 2026-06-19 then accept ANY user and password. A login that works proves nothing."
        ;;
    *)
        warn "$2: DEBUG_MODE is set to something false; backend-api (era B) takes any text, even false, as on and then accepts any password. hummingbot-api reads it as written."
        ;;
    esac
}

# ---- compose files -------------------------------------------------------------------------------

# Prints name<TAB>value of the API's service: service, image, build, env_file, and its environment
# as env:NAME. Reads the block of each service by its indentation, so that the dashboard's or the
# broker's variables are not taken for the API's.
compose_service() { # file
    awk -v names="^($API_NAMES)\$" -v images="(^|/)($API_NAMES)([:@]|\$)" '
        function unquote(s) {
            sub(/^[ \t]+/, "", s); sub(/[ \t\r]+$/, "", s)
            if (s ~ /^".*"$/ || s ~ /^\047.*\047$/) s = substr(s, 2, length(s) - 2)
            return s
        }
        function flush(   i) {
            if (name != "" && (name ~ names || image ~ images)) {
                print "service\t" name
                for (i = 1; i <= n; i++) print out[i]
            }
            name = ""; image = ""; n = 0; part = ""
        }
        /^[ \t]*(#|\r?$)/ { next }
        {
            match($0, /^ */); indent = RLENGTH; text = substr($0, indent + 1); sub(/\r$/, "", text)
        }
        indent == 0 { flush(); inside = (text ~ /^services:/); level = 0; next }
        !inside { next }
        level == 0 { level = indent }
        indent == level && text ~ /:[ \t]*(#.*)?$/ {
            flush(); name = text; sub(/:.*/, "", name); name = unquote(name); key_level = 0; next
        }
        name == "" { next }
        key_level == 0 { key_level = indent }
        indent == key_level && text !~ /^-/ {
            part = text; sub(/:.*/, "", part)
            rest = text; sub(/^[^:]*:[ \t]*/, "", rest); rest = unquote(rest)
            if (part == "image") { image = rest; out[++n] = "image\t" rest }
            if (part == "build") out[++n] = "build\t" rest
            if (part == "env_file" && rest != "") out[++n] = "env_file\t" rest
            next
        }
        part == "env_file" && text ~ /^-/ {
            sub(/^-[ \t]*/, "", text); sub(/^path:[ \t]*/, "", text)
            out[++n] = "env_file\t" unquote(text)
        }
        part == "environment" {
            if (text ~ /^-/) {
                sub(/^-[ \t]*/, "", text)
                text = unquote(text); cut = index(text, "=")
            } else {
                cut = index(text, ":")
            }
            if (cut == 0) next
            key = substr(text, 1, cut - 1); value = substr(text, cut + 1)
            if (value !~ /^[ \t]*["\047]/) sub(/[ \t]+#.*$/, "", value)
            out[++n] = "env:" unquote(key) "\t" unquote(value)
        }
        END { flush() }
    ' "$1"
}

# ${NAME} and ${NAME:-default} in a compose file are filled from the .env beside it.
compose_value() { # value, .env file
    local name default v
    case $1 in
    \$\{*\})
        v=${1#\$\{}
        v=${v%\}}
        name=${v%%[:?-]*}
        default=
        case $v in *-*) default=${v#*-} ;; esac
        v=
        [ ! -r "$2" ] || v=$(env_value "$2" "$name")
        printf '%s' "${v:-$default}"
        ;;
    *) printf '%s' "${1//\$\$/\$}" ;;
    esac
}

# ---- what was found ------------------------------------------------------------------------------

era_text() {
    case $1 in
    A) say "A (backend-api, until 2024-10-31: it has no authentication)" ;;
    B) say "B (backend-api, 2024-11-01 to 2025-07-13)" ;;
    C) say "C (hummingbot-api, since 2025-07-14)" ;;
    *) say "unknown" ;;
    esac
}

# Takes a complete pair; the first one wins, another one that differs is a warning.
take() { # user, password, where, era
    if [ -z "$1" ] || [ -z "$2" ]; then
        say "     the user or the password is empty there"
        return 0
    fi
    say "     user      $(quoted "$1")"
    say "     password  $(describe_password "$2")"
    if [ $found = no ]; then
        found=yes found_user=$1 found_password=$2 found_where=$3 found_era=$4
        if has_edge_space "$1"; then
            warn "$3: the user name has white space at its beginning or end."
        fi
        if has_edge_space "$2"; then
            warn "$3: the password has white space at its beginning or end. It belongs to the password as the API has it; the bridge must get it too, in quotes."
        fi
    elif [ "$1" != "$found_user" ] || [ "$2" != "$found_password" ]; then
        warn "$3 has another pair than $found_where. A changed .env takes effect only with 'docker compose up -d' (not 'restart')."
    fi
}

# Values of a process environment (NAME=value lines on standard input) into env_user and so on.
read_environment() {
    local line
    env_user='' env_password='' env_debug='' env_has_user=no env_has_password=no env_hummingbot=no
    while IFS= read -r line; do
        case $line in
        USERNAME=*) env_user=${line#*=} env_has_user=yes ;;
        PASSWORD=*) env_password=${line#*=} env_has_password=yes ;;
        DEBUG_MODE=*) env_debug=${line#*=} ;;
        CONFIG_PASSWORD=* | BROKER_HOST=* | BOTS_PATH=*) env_hummingbot=yes ;;
        [[:space:]]*=*)
            case ${line#"${line%%[![:space:]]*}"} in
            USERNAME=* | PASSWORD=*)
                warn "$1: a variable's NAME begins with a space before USERNAME or PASSWORD; the API does not see it."
                ;;
            esac
            ;;
        esac
    done
}

# ---- 1. containers -------------------------------------------------------------------------------

run_docker() {
    if command -v timeout >/dev/null; then
        timeout 15 docker "$@"
    else
        docker "$@"
    fi
}

folders=() # from the labels of containers: searched before DIR

era_of_container() { # name, image, service
    case "$1 $2 $3" in
    *hummingbot-api*) say C ;;
    *) if [ $env_has_user$env_has_password = nono ]; then say A; else say B; fi ;;
    esac
}

look_at_container() { # id, name, image, service, state
    local where="container $2" era folder
    read_environment "$where" < <(run_docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$1" 2>/dev/null)
    folder=$(run_docker inspect --format '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' "$1" 2>/dev/null)
    era=$(era_of_container "$2" "$3" "$4")
    say "   $where (image $3, $5), era $(era_text "$era")"
    if [ -n "$folder" ] && [ "$folder" != '<no value>' ]; then
        say "     started by compose in $folder"
        [ ! -d "$folder" ] || folders+=("$folder")
    fi
    warn_about_debug "$env_debug" "$where"
    if [ $env_has_user$env_has_password = yesyes ]; then
        take "$env_user" "$env_password" "the environment of $where" "$era"
    elif [ "$era" = A ]; then
        say "     no USERNAME and PASSWORD: this era has no authentication"
        found_era=A
    else
        say "     USERNAME or PASSWORD is not set: the API then uses its default, admin"
    fi
}

look_at_containers() {
    local list id name image service state matched=no wanted
    say "1. Containers"
    if ! command -v docker >/dev/null; then
        say "   docker is not here"
        return
    fi
    if ! list=$(run_docker ps -a --format "{{.ID}}$TAB{{.Names}}$TAB{{.Image}}$TAB{{.Label \"com.docker.compose.service\"}}$TAB{{.State}}" 2>&1); then
        say "   docker does not answer: ${list%%$'\n'*}"
        say "   (when it is a matter of permission, run this script with sudo and the same DIR)"
        return
    fi
    # A stopped container still tells what it was started with, but a running one is the truth.
    for wanted in running other; do
        # Not IFS=TAB: read would join the fields around an empty service label.
        while IFS=$'\x1f' read -r id name image service state; do
            [ -n "$id" ] || continue
            [[ $name =~ ^($API_NAMES)$ || $image =~ (^|/)($API_NAMES)([:@]|$) || $service =~ ^($API_NAMES)$ ]] || continue
            [ "$([ "$state" = running ] && echo running || echo other)" = $wanted ] || continue
            matched=yes
            look_at_container "$id" "$name" "$image" "$service" "$state"
        done < <(tr '\t' '\037' <<<"$list")
    done
    [ $matched = yes ] || say "   none is a hummingbot-api or backend-api"
}

# ---- 2. and 3. files -----------------------------------------------------------------------------

look_at_compose() { # compose file
    local file=$1 envfile key value
    local service='' image='' build='' loads_env=no user='' password='' has_user=no has_password=no era
    envfile=$(dirname "$file")/.env
    while IFS=$TAB read -r key value; do
        case $key in
        service) service=$value ;;
        image) image=$value ;;
        build) build=$value ;;
        env_file) case $value in .env | ./.env | *'".env"'* | '[.env]') loads_env=yes ;; esac ;;
        env:USERNAME) user=$(compose_value "$value" "$envfile") has_user=yes ;;
        env:PASSWORD) password=$(compose_value "$value" "$envfile") has_password=yes ;;
        env:DEBUG_MODE) warn_about_debug "$(compose_value "$value" "$envfile")" "$file" ;;
        esac
    done < <(compose_service "$file")
    [ -n "$service" ] || return 0
    seen_compose=yes
    case "$service $image" in
    *hummingbot-api*) era=C ;;
    *) era=B ;;
    esac
    if [ $era = B ] && [ $has_user$has_password = nono ] && { [ ! -r "$envfile" ] || [ -n "$build" ]; }; then
        era=A
    fi
    say "   $file: service $service, era $(era_text $era)"
    if [ $era = A ]; then
        say "     no credentials: this era has no authentication; put it behind a firewall"
        [ $found = yes ] || found_era=A
        return 0
    fi
    if [ $has_user$has_password = yesyes ]; then
        say "   literals in $file"
        take "$user" "$password" "the literals in $file" $era
        warn_about_unloaded_env "$envfile" "$file" $loads_env "$user" "$password"
        used_env+=("$envfile")
        return 0
    fi
    if [ -r "$envfile" ] && [ $loads_env = no ]; then
        warn "$file does not load $envfile for the API; its values count only for an API started without compose."
    fi
    [ $era = C ] || deploy_note=yes
    look_at_env_file "$envfile" $era
}

# Era B: two places that look equally good, and only one of them counts.
warn_about_unloaded_env() { # .env, compose file, loads it, user, password
    [ -r "$1" ] || return 0
    env_has "$1" USERNAME || env_has "$1" PASSWORD || return 0
    if [ "$3" = no ]; then
        warn "$1 is not loaded by $2: the literals in the compose file count. Changing .env changes nothing until the compose file says so."
    else
        warn "$1 is loaded by $2, but the literals in the compose file override it."
    fi
    if [ "$(env_value "$1" USERNAME)" != "$4" ] || [ "$(env_value "$1" PASSWORD)" != "$5" ]; then
        warn "$1 has another pair than the literals in $2."
    fi
}

# What the lines of .env tell about when setup.sh wrote it.
env_file_hint() {
    if env_has "$1" TAILSCALE_ENABLED; then
        say "     written by a setup.sh of 2026-06-03 or later (it has no default password)"
    elif env_has "$1" BROKER_HOST; then
        say "     written by a setup.sh that offers admin as the default"
    fi
}

look_at_env_file() { # file, era
    local file=$1 era=$2 known
    [ -e "$file" ] || {
        say "     no .env beside it: the API has not been set up, or gets its variables elsewhere"
        return 0
    }
    for known in ${used_env[@]+"${used_env[@]}"}; do
        [ "$known" != "$file" ] || return 0
    done
    used_env+=("$file")
    [ -r "$file" ] || {
        say "   $file: this user may not read it (try sudo)"
        return 0
    }
    say "   $file"
    env_file_hint "$file"
    warn_about_env_file "$file"
    if env_has "$file" USERNAME && env_has "$file" PASSWORD; then
        take "$(env_value "$file" USERNAME)" "$(env_value "$file" PASSWORD)" "$file" "$era"
    else
        say "     USERNAME or PASSWORD is not set in it"
    fi
}

# Without a compose file beside it, .env counts only when it is clearly Hummingbot's API's.
look_at_lonely_env() { # file
    local known
    for known in ${used_env[@]+"${used_env[@]}"}; do
        [ "$known" != "$1" ] || return 0
    done
    [ -r "$1" ] || return 0
    env_has "$1" CONFIG_PASSWORD || return 0
    if env_has "$1" BROKER_HOST; then
        look_at_env_file "$1" C
    elif env_has "$1" PASSWORD; then
        look_at_env_file "$1" B
    else
        say "   $1: CONFIG_PASSWORD without USERNAME and PASSWORD, as era A wrote it (no authentication)"
        [ $found = yes ] || found_era=A
    fi
}

files_named() { # folder, names...
    local folder=$1 tests=() name
    shift
    for name in "$@"; do
        [ ${#tests[@]} -eq 0 ] || tests+=(-o)
        tests+=(-name "$name")
    done
    # A bot's folder holds its whole life: nothing to find there and much to read.
    find -L "$folder" -maxdepth $SEARCH_DEPTH \
        \( -name .git -o -name node_modules -o -path '*/bots/instances' -o -path '*/bots/archived' \) -prune \
        -o -type f \( "${tests[@]}" \) -print 2>/dev/null | awk '{ print gsub("/", "/") "\t" $0 }' | sort -n | cut -f2-
}

look_at_folder() { # folder
    local file
    while IFS= read -r file; do
        look_at_compose "$file"
    done < <(files_named "$1" 'docker-compose.yml' 'docker-compose.yaml' 'compose.yml' 'compose.yaml')
    while IFS= read -r file; do
        look_at_lonely_env "$file"
    done < <(files_named "$1" .env)
    while IFS= read -r file; do
        warn "$file is the login of the dashboard, not of the API."
    done < <(files_named "$1" dashboard-credentials.yml credentials.yml)
    while IFS= read -r file; do
        case $file in
        */condor/config.yml) warn "$file holds a copy of the pair for Condor; the API does not read it." ;;
        esac
    done < <(files_named "$1" config.yml)
}

look_at_files() {
    local folder real done_folders=$'\n'
    seen_compose=no deploy_note=no used_env=()
    say "2. and 3. Files"
    for folder in ${folders[@]+"${folders[@]}"} "$dir"; do
        if [ ! -d "$folder" ]; then
            say "   $folder does not exist"
            continue
        fi
        real=$(cd "$folder" && pwd -P)
        case $done_folders in *$'\n'"$real"$'\n'*) continue ;; esac
        done_folders="$done_folders$real"$'\n'
        say "   searching $real"
        look_at_folder "$real"
    done
    [ $deploy_note = no ] || say "     (backend-api that loads .env: an install by the deploy repository)"
    [ $seen_compose = yes ] || [ ${#used_env[@]} -gt 0 ] || say "   nothing of a Hummingbot API"
}

# ---- 4. processes --------------------------------------------------------------------------------

era_of_folder() { # a checkout of the API
    if grep -qs 'hummingbot-api' "$1/docker-compose.yml"; then
        say C
    elif grep -qs 'backend-api' "$1/docker-compose.yml"; then
        say B
    fi
}

look_at_process() { # proc folder, pid
    local where="process $2 (uvicorn main:app)" file="$1/cwd/.env" folder user password
    read_environment "$where" < <(tr '\0' '\n' 2>/dev/null <"$1/environ")
    folder=$(readlink "$1/cwd" 2>/dev/null)
    user=$env_user password=$env_password
    # The API reads .env by itself, but a variable that the shell already had wins over it.
    if [ -r "$file" ]; then
        [ $env_has_user = yes ] || user=$(env_value "$file" USERNAME)
        [ $env_has_password = yes ] || password=$(env_value "$file" PASSWORD)
        env_has "$file" CONFIG_PASSWORD && env_hummingbot=yes
    fi
    say "   $where in ${folder:-an unknown folder}"
    if [ $env_hummingbot = no ]; then
        say "     nothing in its environment is Hummingbot's: another program, left out"
        return 0
    fi
    if [ $env_has_user = yes ] && [ -r "$file" ] && env_has "$file" USERNAME &&
        [ "$(env_value "$file" USERNAME)" != "$env_user" ]; then
        warn "$where: the shell it was started from has USERNAME set (many desktops do), and that wins over the USERNAME in ${folder:-its folder}/.env."
    fi
    warn_about_debug "$env_debug" "$where"
    if [ -n "$user" ] && [ -n "$password" ]; then
        # It runs with these very values, so they beat what a file alone promised.
        case $found_where in
        "$folder"/*) found=no ;;
        esac
        take "$user" "$password" "$where" "$(era_of_folder "$1/cwd")"
    else
        say "     USERNAME or PASSWORD is not set: the API then uses its default, admin"
    fi
}

look_at_processes() {
    local folder line matched=no
    say "4. Processes"
    for folder in /proc/[0-9]*; do
        [ -O "$folder" ] || continue
        line=$(tr '\0' ' ' 2>/dev/null <"$folder/cmdline") || continue
        case " $line" in
        *[/\ ]uvicorn\ *main:app*)
            matched=yes
            look_at_process "$folder" "${folder##*/}"
            ;;
        esac
    done
    [ $matched = yes ] || say "   none of this user's is uvicorn main:app"
}

# ---- the answer ----------------------------------------------------------------------------------

curl_lines() { # user
    say "     curl -s -o /dev/null -w '%{http_code}\\n' -u $1 http://127.0.0.1:8000/docker/running"
    say "     (an older backend-api: http://127.0.0.1:8000/is-docker-running)"
}

print_found() {
    say ""
    say "FOUND in $found_where"
    say "   era       $(era_text "$found_era")"
    say "   user      $(quoted "$found_user")"
    say "   password  $(describe_password "$found_password")"
    say ""
    say "Set for the bridge:"
    say "   HUMMINGBOT_API_URL=http://127.0.0.1:8000"
    say "   HUMMINGBOT_API_USERNAME=$(quoted "$found_user")"
    if [ $show = yes ]; then
        say "   HUMMINGBOT_API_PASSWORD=$(quoted "$found_password")"
    else
        say "   HUMMINGBOT_API_PASSWORD=<the password; --show prints it>"
    fi
    say ""
    say "Try it (curl asks for the password; 200 is right, 401 is wrong), then with a wrong password,"
    say "which must give 401:"
    curl_lines "$(quoted "$found_user")"
    if [ "$found_user:$found_password" = admin:admin ]; then
        warn "the pair is the default admin/admin: whoever reaches port 8000 can trade with your keys. Change it in its place, then 'docker compose up -d'."
    fi
    if [ "$found_era" = B ]; then
        warn "era B is too old for the bridge: it names it and refuses it. Update to hummingbot-api."
    fi
}

print_not_found() {
    say ""
    say "NOT FOUND"
    if [ "$found_era" = A ]; then
        say "   What is installed is era $(era_text A)."
        say "   There are no credentials to find, and the bridge refuses this era. Update to hummingbot-api."
        return
    fi
    say "   Another folder?  scripts/find_hummingbot_creds.sh DIR"
    say "   Another machine? Run this script there."
    say "   An API whose USERNAME and PASSWORD were never set takes admin/admin. Only as a test:"
    curl_lines admin:admin
    say "   200: it runs on the default pair; change it before anything else. 401: it has another pair."
    say "   Then the same with a pair that must be wrong; 200 means that it accepts anybody (DEBUG_MODE):"
    curl_lines admin:surely-wrong
}

print_warnings() {
    local text
    [ ${#warnings[@]} -gt 0 ] || return 0
    say ""
    say "Mind:"
    for text in "${warnings[@]}"; do
        say " ! $text"
    done
}

for argument in "$@"; do
    case $argument in
    --show) show=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*)
        printf "find_hummingbot_creds: unknown option '%s'; --help lists what there is\n" "$argument" >&2
        exit 2
        ;;
    *)
        if [ $dir_given = yes ]; then
            printf 'find_hummingbot_creds: one folder at most; quote it when its name has spaces\n' >&2
            exit 2
        fi
        dir=$argument dir_given=yes
        ;;
    esac
done
if [ $dir_given = yes ] && [ ! -d "$dir" ]; then
    printf "find_hummingbot_creds: '%s' is not a folder\n" "$dir" >&2
    exit 2
fi
[ $dir_given = yes ] || dir=${HOME:-}/hummingbot_files

look_at_containers
look_at_files
look_at_processes
if [ $found = yes ]; then
    print_found
else
    print_not_found
fi
print_warnings
[ $found = yes ]
