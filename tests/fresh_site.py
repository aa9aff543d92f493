"""A site made with `django-admin startproject` takes uploads after the README's steps alone.

Run by an interpreter that has the built wheel and what it requires, nothing else:
python fresh_site.py README.md
"""

import http.cookiejar
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

START_SECONDS = 60
TUS = {"Tus-Resumable": "1.0.0"}


def main() -> None:
    """Build the site, run it, upload to it."""
    readme = Path(sys.argv[1]).read_text(encoding="utf-8")
    run("-m", "django", "startproject", "fresh")
    os.chdir("fresh")
    settings, urls = steps(readme)
    append("fresh/settings.py", settings)
    append("fresh/urls.py", urls)
    run("manage.py", "migrate", "-v0")
    run("manage.py", "check")
    make_users = (
        "from django.contrib.auth.models import User;"
        "User.objects.create_superuser('one', password='1-secret');"
        "User.objects.create_superuser('two', password='2-secret')"
    )
    run("manage.py", "shell", "-v0", "-c", make_users)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with open("log", "wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            use(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
    print("a fresh site takes uploads")


def steps(readme: str) -> tuple[str, str]:
    """What the README wants in settings.py and in urls.py."""
    block = re.search(r"```python\n# settings.py\n(.*?)\n# urls.py\n(.*?)```", readme, re.DOTALL)
    assert block, "the README shows no settings.py and urls.py"
    return block[1], block[2]


def append(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"\n{text}")


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True)


def use(base: str) -> None:
    """Two users and nobody."""
    wait_until_answering(base)
    nobody = urllib.request.build_opener()
    assert status(nobody, "POST", f"{base}/files/", {"Upload-Length": "10"})[0] == 401
    one, two = log_in(base, "one", "1-secret"), log_in(base, "two", "2-secret")
    answer, fields = status(one, "POST", f"{base}/files/", {"Upload-Length": "10"})
    assert answer == 201, answer
    url = urllib.parse.urljoin(base, fields["Location"])
    append_fields = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    assert status(two, "PATCH", url, append_fields, b"12345")[0] == 404
    answer, fields = status(one, "PATCH", url, append_fields, b"12345")
    assert (answer, fields["Upload-Offset"]) == (204, "5")
    # a page of another site has the user's cookie sent along, and must not get in by it
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    append_fields["Upload-Offset"] = "5"
    assert status(one, "PATCH", url, append_fields | foreign, b"67890")[0] == 403
    assert status(one, "PATCH", url, append_fields, b"67890")[0] == 204
    assert one.open(url).read() == b"1234567890"
    assert status(two, "HEAD", url, {})[0] == 404


def wait_until_answering(base: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{base}/admin/login/").close()
        except OSError:
            if time.monotonic() > deadline:
                sys.exit("the site does not answer:\n" + Path("log").read_text())
            time.sleep(0.1)
        else:
            return


def log_in(base: str, name: str, password: str) -> urllib.request.OpenerDirector:
    """As a person does, through the admin's page."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = opener.open(f"{base}/admin/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, "the login page has no token"
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token[1]}
    opener.open(f"{base}/admin/login/?next=/admin/", urllib.parse.urlencode(form).encode()).close()
    assert any(cookie.name == "sessionid" for cookie in jar), "not logged in"
    return opener


def status(
    opener: urllib.request.OpenerDirector,
    method: str,
    url: str,
    fields: dict[str, str],
    body: bytes | None = None,
) -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(url, body, TUS | fields, method=method)
    try:
        with opener.open(request) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers)


if __name__ == "__main__":
    main()
