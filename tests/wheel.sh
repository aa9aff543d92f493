#!/bin/sh
# The built wheel, installed where the sources are out of reach: does it serve, with its page, and
# does a fresh site take uploads with it, and nothing else, after the README's steps?
# usage: tests/wheel.sh PYTHON
set -eu
wheel=$(ls "$PWD"/dist/tusbridge-*.whl)
constraints=$PWD/constraints.txt
readme=$PWD/README.md
fresh=$PWD/tests/fresh_site.py
place=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || :; rm -rf "$place"' EXIT
cd "$place"
"$1" -m venv env
env/bin/python -m pip --disable-pip-version-check -q install -c "$constraints" "$wheel[server]"
env/bin/tusbridge --version
port=$(env/bin/python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
env/bin/tusbridge serve --port "$port" --data-dir data >out 2>&1 &
server=$!
env/bin/python - "$port" <<'PYTHON'
import hashlib, os, subprocess, sys, time, urllib.request

base = f"http://127.0.0.1:{sys.argv[1]}"
deadline = time.monotonic() + 30
while True:
    try:
        if urllib.request.urlopen(f"{base}/readyz").status == 200:
            break
    except OSError:
        if time.monotonic() > deadline:
            sys.exit("the server does not answer:\n" + open("out").read())
        time.sleep(0.1)
content = os.urandom(3_000_000)
with open("file", "wb") as file:
    file.write(content)
ran = subprocess.run(
    ["env/bin/tusbridge", "upload", "-q", "file", f"{base}/files/"], capture_output=True, text=True
)
url = ran.stdout.strip()
assert ran.returncode == 0, ran.stderr
got = urllib.request.urlopen(url).read()
assert hashlib.sha256(got).digest() == hashlib.sha256(content).digest()
for path, text in {
    "/": "tusbridge/upload.js",
    "/docs": "openapi.json",
    "/openapi.json": "Upload-Offset",
    "/static/tusbridge/upload.js": "tus",
    "/legacy/": "tusbridge/legacy.js",
    "/static/tusbridge/legacy.js": "fileupload",
}.items():
    assert text in urllib.request.urlopen(base + path).read().decode(), path
print("the wheel serves")
PYTHON

"$1" -m venv site-env
site-env/bin/python -m pip --disable-pip-version-check -q install -c "$constraints" "$wheel"
site-env/bin/python "$fresh" "$readme"
