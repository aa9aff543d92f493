#!/bin/sh
# The built wheel of the checks, installed where the sources are out of reach: does it take no
# general name, and do its command, its module and its pytest plug-in find what is right and wrong?
# usage: tests/wheel_conformance.sh PYTHON WHEEL
set -eu
wheel=$2
server=$PWD/tests/conformance/small_server.py
place=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null || :; rm -rf "$place"' EXIT
cd "$place"
"$1" -m venv env
env/bin/python -m pip --disable-pip-version-check -q install "$wheel[pytest]"
env/bin/python - <<'PYTHON'
import importlib.util

assert importlib.util.find_spec("conformance") is None, "the wheel takes a general name"
PYTHON
env/bin/tusbridge-conformance --version
env/bin/python "$server" >address &
pid=$!
env/bin/python - <<'PYTHON'
import json, pathlib, subprocess, sys, time

deadline = time.monotonic() + 30
while not (url := pathlib.Path("address").read_text().strip()):
    if time.monotonic() > deadline:
        sys.exit("the server does not start")
    time.sleep(0.05)

def run(*command, status=0):
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == status, (command, ran.returncode, ran.stdout + ran.stderr)
    return ran.stdout

here = ("--only", "row-007", "--only", "row-017-new")
for command in (["env/bin/tusbridge-conformance"], [sys.executable, "-m", "tusbridge_conformance"]):
    told = json.loads(run(*command, url, *here, "--json", "-"))
    assert [check["outcome"] for check in told["checks"]] == ["pass", "pass"], told
    assert "2.1 upload view" not in run(*command, "legacy", "--list", "--only", "legacy-2.1-01")
    assert "FAIL row-022-no-store" in run(*command, url, "--only", "row-022-no-store", status=1)
pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
assert "2 passed" in run(*pytest, "--tus-url", url, "--tus-only", "row-007", "--tus-only", "row-017-new")
assert "1 failed" in run(*pytest, "--tus-url", url, "--tus-only", "row-022-no-store", status=1)
assert "no tests ran" in run(*pytest, status=5)
print("the wheel of the checks checks")
PYTHON
