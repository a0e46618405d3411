"""scripts/find_hummingbot_creds.sh on sample installations of every era, with a docker of our own."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "scripts/find_hummingbot_creds.sh"
TOOLS = ["bash", "awk", "sed", "grep", "find", "cat", "tr", "cut", "sort", "dirname", "readlink",
         "timeout", "env"]
SECRET = "s3cret-Pass.word"
CONFIG = "config-password-never-shown"
DATABASE = "postgresql+asyncpg://hbot:database-password@postgres:5432/hummingbot_api"

COMPOSE_A = """\
version: "3.9"
services:
  backend-api:
    build: .
    ports:
      - "8000:8000"
    env_file:
      - .env
    environment:
      - BROKER_HOST=emqx
  emqx:
    container_name: hummingbot-broker
    image: emqx:5
    environment:
      - EMQX_NAME=emqx
"""
COMPOSE_B = """\
version: "3.9"

services:
  dashboard:
    image: hummingbot/dashboard:latest
    environment:
      - BACKEND_API_USERNAME=admin
      - USERNAME=the-dashboard
      - PASSWORD=the-dashboards-own
  backend-api:
    container_name: backend-api
    image: hummingbot/backend-api:latest
    {env_file}
    environment:
      - BROKER_HOST=emqx
      - USERNAME={user}
      - PASSWORD={password}
    networks:
      - emqx-bridge
  emqx:
    image: emqx:5
    environment:
      - USERNAME=the-broker
      - PASSWORD=the-brokers-own
"""
COMPOSE_C = """\
services:
  hummingbot-api:
    container_name: hummingbot-api
    image: hummingbot/hummingbot-api:latest
    ports:
      - "8000:8000"
    env_file:
      - .env
    environment:
      # Override specific values for Docker networking
      - BROKER_HOST=emqx
      - DATABASE_URL=""" + DATABASE + """
    depends_on:
      - postgres
  postgres:
    image: postgres:16
    environment:
      - POSTGRES_USER=hbot
"""


def env_c(user="trader", password=SECRET, debug="", more=""):
    return (f"# Hummingbot API Configuration\nUSERNAME={user}\nPASSWORD={password}\n"
            f"CONFIG_PASSWORD={CONFIG}\n{debug}BROKER_HOST=localhost\nBROKER_PASSWORD=password\n"
            f"DATABASE_URL={DATABASE}\nBOTS_PATH=/somewhere\n{more}")


def put(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    names = {"compose": "docker-compose.yml", "env": ".env", "dashboard": "dashboard-credentials.yml"}
    for key, text in files.items():
        (folder / names[key]).write_bytes(text.encode())
    return folder


@pytest.fixture
def place(tmp_path):
    """A PATH without docker, an empty home, and a folder to search."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool))
    (tmp_path / "home").mkdir()
    (tmp_path / "files").mkdir()
    return tmp_path


def run(place, *arguments, folder="files"):
    where = [str(place / folder)] if folder else []
    done = subprocess.run([str(SCRIPT), *arguments, *where], text=True, capture_output=True,
                          timeout=60, env={"PATH": str(place / "tools"), "HOME": str(place / "home")})
    assert CONFIG not in done.stdout + done.stderr
    assert "database-password" not in done.stdout + done.stderr
    if "--show" not in arguments:
        assert SECRET not in done.stdout + done.stderr
    assert done.stderr == "" or done.returncode == 2
    return done


def fake_docker(place, containers, error=None):
    """containers: list of (name, image, service, state, folder, environment)."""
    answers = place / "docker-answers"
    answers.mkdir()
    rows = []
    for number, (name, image, service, state, folder, environment) in enumerate(containers):
        rows.append(f"id{number}\t{name}\t{image}\t{service}\t{state}\n")
        (answers / f"id{number}.env").write_text("".join(f"{line}\n" for line in environment))
        (answers / f"id{number}.dir").write_text(f"{folder or '<no value>'}\n")
    (answers / "ps").write_text("".join(rows))
    fail = f"echo '{error}' >&2; exit 1" if error else ""
    script = place / "tools/docker"
    script.write_text(f"""#!/bin/bash
{fail}
case "$1" in
ps) cat '{answers}/ps' ;;
inspect)
    for last in "$@"; do :; done
    case "$3" in
    *Config.Env*) cat '{answers}'/"$last".env ;;
    *working_dir*) cat '{answers}'/"$last".dir ;;
    *) exit 64 ;;
    esac ;;
*) exit 64 ;;
esac
""")
    script.chmod(0o755)


def found_in(done):
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND in ")]
    return lines[0][len("FOUND in "):] if lines else None


def test_era_c_env_file(place):
    api = put(place / "files/hummingbot-api", compose=COMPOSE_C, env=env_c())
    done = run(place)
    assert done.returncode == 0
    assert found_in(done) == str(api / ".env")
    assert "era       C (hummingbot-api" in done.stdout
    assert "HUMMINGBOT_API_USERNAME='trader'" in done.stdout
    assert f"{len(SECRET)} characters, no white space at its ends" in done.stdout
    assert "docker is not here" in done.stdout
    assert "Mind:" not in done.stdout


def test_show_prints_the_password_and_nothing_else_secret(place):
    put(place / "files/hummingbot-api", compose=COMPOSE_C, env=env_c())
    done = run(place, "--show")
    assert f"HUMMINGBOT_API_PASSWORD='{SECRET}'" in done.stdout


def test_era_c_2025_07_with_debug_mode_and_default_pair(place):
    put(place / "files/hummingbot-api", compose=COMPOSE_C,
        env=env_c("admin", "admin", debug="DEBUG_MODE=true\n"))
    done = run(place)
    assert done.returncode == 0
    assert "DEBUG_MODE is on" in done.stdout
    assert "default admin/admin" in done.stdout


def test_era_c_2025_12_dashboard_login_is_not_the_apis(place):
    put(place / "files/deploy/hummingbot-api", compose=COMPOSE_C, env=env_c(),
        dashboard="credentials:\n  usernames:\n    boss: {password: x}\n")
    done = run(place)
    assert done.returncode == 0
    assert "dashboard-credentials.yml is the login of the dashboard" in done.stdout


def test_era_c_2026_06_names_its_setup(place):
    put(place / "files/hummingbot-api", compose=COMPOSE_C,
        env=env_c(more="TAILSCALE_ENABLED=false\nTAILSCALE_AUTH_KEY=\n"))
    done = run(place)
    assert "2026-06-03 or later" in done.stdout


def test_deploy_repository_names_condors_copy(place):
    api = put(place / "files/hummingbot-api", compose=COMPOSE_C, env=env_c())
    condor = put(place / "files/condor", env="TELEGRAM_TOKEN=1:x\n")
    (condor / "config.yml").write_text(f"servers:\n  local:\n    password: {SECRET}\n")
    done = run(place)
    assert found_in(done) == str(api / ".env")
    assert "condor/config.yml holds a copy" in done.stdout


def test_era_b_takes_the_apis_literals_and_says_that_env_is_not_loaded(place):
    api = put(place / "files/backend-api",
              compose=COMPOSE_B.format(env_file="restart: always", user="admin", password=SECRET),
              env="CONFIG_PASSWORD=a\nBOTS_PATH=/x\nUSERNAME=admin\nPASSWORD=another\n")
    done = run(place, "--show")
    assert found_in(done) == f"the literals in {api}/docker-compose.yml"
    assert f"HUMMINGBOT_API_PASSWORD='{SECRET}'" in done.stdout
    assert f"{api}/.env is not loaded by" in done.stdout
    assert "has another pair than the literals" in done.stdout
    assert "era B is too old for the bridge" in done.stdout
    assert "own'" not in done.stdout, "the dashboard's or the broker's pair was shown"


def test_era_b_deploy_repository_loads_both_and_the_literals_win(place):
    put(place / "files/deploy",
        compose=COMPOSE_B.format(env_file="env_file:\n      - .env", user="admin", password=SECRET),
        env="CONFIG_PASSWORD=a\nUSERNAME=admin\nPASSWORD=another\n")
    done = run(place, "--show")
    assert f"HUMMINGBOT_API_PASSWORD='{SECRET}'" in done.stdout
    assert "the literals in the compose file override it" in done.stdout


@pytest.mark.parametrize("user,password,expected", [
    ('"trader"', "'" + SECRET + "'", SECRET),
    ("${USERNAME}", "${PASSWORD:-x}", "from-env"),
    ("${NOBODY:-trader}", "a$$b", "a$b"),
    ("trader", "abc#def # a remark", "abc#def"),
])
def test_era_b_forms_of_literals(place, user, password, expected):
    put(place / "files/backend-api",
        compose=COMPOSE_B.format(env_file="restart: always", user=user, password=password),
        env="CONFIG_PASSWORD=a\nUSERNAME=trader\nPASSWORD=from-env\n")
    done = run(place, "--show")
    assert "HUMMINGBOT_API_USERNAME='trader'" in done.stdout
    assert f"HUMMINGBOT_API_PASSWORD='{expected}'" in done.stdout


def test_environment_as_a_map(place):
    put(place / "files/x", compose="services:\n  api:\n    image: me/hummingbot-api@sha256:1\n"
        f"    environment:\n      USERNAME: trader\n      PASSWORD: \"{SECRET}\"\n")
    done = run(place, "--show")
    assert f"HUMMINGBOT_API_PASSWORD='{SECRET}'" in done.stdout


def test_era_a_has_no_authentication(place):
    put(place / "files/backend-api", compose=COMPOSE_A,
        env=f"CONFIG_PASSWORD={CONFIG}\nBOTS_PATH=/x\n")
    done = run(place)
    assert done.returncode == 1
    assert "era A (backend-api, until 2024-10-31: it has no authentication)" in done.stdout
    assert "no credentials to find" in done.stdout
    assert "-u admin:admin" not in done.stdout


def test_nothing_offers_the_default_only_as_a_test(place):
    done = run(place)
    assert done.returncode == 1
    assert "NOT FOUND" in done.stdout
    assert "Only as a test" in done.stdout
    assert "-u admin:admin http://127.0.0.1:8000/docker/running" in done.stdout
    assert "-u admin:surely-wrong http://127.0.0.1:8000/docker/running" in done.stdout


def test_running_container_beats_every_file(place):
    api = put(place / "elsewhere/hummingbot-api", compose=COMPOSE_C, env=env_c(password="edited-later"))
    fake_docker(place, [
        ("postgres", "postgres:16", "postgres", "running", None, ["PASSWORD=not-this"]),
        ("hummingbot-sol-1", "hummingbot/hummingbot:latest", "", "running", None,
         ["CONFIG_PASSWORD=" + CONFIG, "PASSWORD=not-this"]),
        ("old", "hummingbot/hummingbot-api:old", "hummingbot-api", "exited", None, ["USERNAME=x", "PASSWORD=y"]),
        ("hummingbot-api", "hummingbot/hummingbot-api:latest", "", "running", api,
         ["PATH=/usr/bin", "USERNAME=trader", "PASSWORD=" + SECRET, "CONFIG_PASSWORD=" + CONFIG,
          "DATABASE_URL=" + DATABASE]),
    ])
    done = run(place, "--show")
    assert found_in(done) == "the environment of container hummingbot-api"
    assert f"HUMMINGBOT_API_PASSWORD='{SECRET}'" in done.stdout
    assert f"started by compose in {api}" in done.stdout
    assert f"{api}/.env has another pair" in done.stdout and "not 'restart'" in done.stdout
    assert "not-this" not in done.stdout


def test_container_with_an_odd_name_is_known_by_its_service_and_its_empty_label(place):
    fake_docker(place, [
        ("proj-backend-api-1", "proj-backend-api", "backend-api", "running", None,
         ["USERNAME=trader", "PASSWORD=" + SECRET, "DEBUG_MODE=false"]),
    ])
    done = run(place)
    assert "container proj-backend-api-1" in found_in(done)
    assert "backend-api (era B) takes any text, even false, as on" in done.stdout


def test_container_of_era_a(place):
    fake_docker(place, [("proj-backend-api-1", "proj-backend-api", "backend-api", "running", None,
                         ["CONFIG_PASSWORD=" + CONFIG, "BROKER_HOST=emqx"])])
    done = run(place)
    assert done.returncode == 1
    assert "this era has no authentication" in done.stdout


def test_container_without_the_variables_runs_on_the_default(place):
    fake_docker(place, [("hummingbot-api", "hummingbot/hummingbot-api", "", "running", None,
                         [" PASSWORD=" + SECRET, "USERNAME=trader"])])
    done = run(place)
    assert done.returncode == 1
    assert "the API then uses its default" in done.stdout
    assert "NAME begins with a space" in done.stdout


def test_white_space_in_a_containers_password_is_told(place):
    fake_docker(place, [("hummingbot-api", "hummingbot/hummingbot-api", "", "running", None,
                         ["USERNAME=trader", "PASSWORD=" + SECRET + " "])])
    done = run(place)
    assert f"{len(SECRET) + 1} characters, WITH white space" in done.stdout
    assert "white space at its beginning or end. It belongs to the password" in done.stdout


def test_docker_that_does_not_answer_is_not_the_end(place):
    fake_docker(place, [], error="permission denied while trying to connect")
    api = put(place / "files/hummingbot-api", compose=COMPOSE_C, env=env_c())
    done = run(place)
    assert "docker does not answer: permission denied" in done.stdout
    assert found_in(done) == str(api / ".env")


@pytest.mark.parametrize("line,warning,password", [
    ("PASSWORD=ab#cd", "holds one of #", "ab#cd"),
    ("PASSWORD=ab$cd", "holds one of #", "ab$cd"),
    ('PASSWORD=ab"cd', "holds one of #", 'ab"cd'),
    ("PASSWORD=ab cd", "holds a space unquoted", "ab cd"),
    ("PASSWORD=abcd  ", "white space at its end", "abcd"),
    (" PASSWORD=abcd", "space before its name", "abcd"),
    ("PASSWORD =abcd", "space before its '='", "abcd"),
    ("PASSWORD=abcd\r", "as on Windows", "abcd"),
    ("PASSWORD=first\nPASSWORD=abcd", "set more than once", "abcd"),
    ("PASSWORD='ab#c d'", None, "ab#c d"),
    ('export PASSWORD="abcd"', None, "abcd"),
    ("PASSWORD=a:b=c", None, "a:b=c"),
])
def test_traps_of_env_files(place, line, warning, password):
    put(place / "files/hummingbot-api", compose=COMPOSE_C,
        env=f"CONFIG_PASSWORD={CONFIG}\nUSERNAME=trader\n{line}")
    plain = run(place)
    assert plain.returncode == 0
    assert f"password  {len(password)} characters" in plain.stdout
    if warning:
        assert warning in plain.stdout
    else:
        assert "Mind:" not in plain.stdout
    assert f"HUMMINGBOT_API_PASSWORD='{password}'" in run(place, "--show").stdout


def test_control_characters_never_reach_the_terminal(place):
    put(place / "files/hummingbot-api", compose=COMPOSE_C, env=env_c("tra\x1b[31mder", "p\x1b[2Jw"))
    done = run(place, "--show")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_depth_and_bot_folders(place):
    put(place / "files/a/b/c", compose=COMPOSE_C, env=env_c())
    bots = put(place / "files/hummingbot-api/bots/instances/x", env=env_c("wrong", "wrong"))
    assert found_in(run(place)) == str(place / "files/a/b/c/.env")
    shutil.move(str(place / "files/a"), str(bots / "a"))
    assert run(place).returncode == 1


def test_default_folder_and_names_with_spaces(place):
    api = put(place / "home/hummingbot_files/my api", compose=COMPOSE_C, env=env_c())
    done = run(place, folder=None)
    assert found_in(done) == str(api / ".env")


def test_other_peoples_env_files_are_left_alone(place):
    put(place / "files/website", compose="services:\n  web:\n    image: nginx\n    environment:\n"
        "      - USERNAME=u\n      - PASSWORD=p\n", env="USERNAME=web\nPASSWORD=web\n")
    assert run(place).returncode == 1


@pytest.fixture
def native(place):
    """Starts a process whose command line is `uvicorn main:app`; ends it by its own input."""
    running = []

    def start(folder, **environment):
        program = place / "uvicorn"
        program.write_text("#!/bin/bash\necho ready\nread -r _\n")
        program.chmod(0o755)
        process = subprocess.Popen([str(program), "main:app", "--port", "8000"], cwd=folder, text=True,
                                   env={"PATH": os.environ["PATH"], **environment},
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout.readline() == "ready\n"
        running.append(process)
        return process.pid

    yield start
    for process in running:
        process.communicate("\n", timeout=90)


def test_native_process(place, native):
    pid = native(place / "files", USERNAME="trader", PASSWORD=SECRET, CONFIG_PASSWORD=CONFIG)
    done = run(place, "--show")
    assert found_in(done) == f"process {pid} (uvicorn main:app)"
    assert f"HUMMINGBOT_API_PASSWORD='{SECRET}'" in done.stdout


def test_native_shell_variable_wins_over_env_file(place, native):
    api = put(place / "files/hummingbot-api", compose=COMPOSE_C, env=env_c("trader"))
    native(api, USERNAME="desktop-user")
    done = run(place)
    assert "HUMMINGBOT_API_USERNAME='desktop-user'" in done.stdout
    assert "wins over the USERNAME in" in done.stdout


def test_native_process_of_another_product_is_left_out(place, native):
    native(place / "files", USERNAME="desktop-user", PASSWORD=SECRET)
    done = run(place)
    assert done.returncode == 1
    assert "another program, left out" in done.stdout


@pytest.mark.parametrize("arguments", [["--nonsense"], ["/", "/"], ["./no such folder"]])
def test_wrong_usage(place, arguments):
    done = run(place, *arguments, folder=None)
    assert done.returncode == 2
    assert done.stderr.startswith("find_hummingbot_creds: ")


def test_help(place):
    done = run(place, "--help", folder=None)
    assert done.returncode == 0
    assert "--show" in done.stdout and "set -u" not in done.stdout
