"""The server's settings: sizes, times and lists in words, and defaults that are safe to run."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tusbridge.server.config import ServerConfig, parse_duration, parse_size

# Busy machines draw slowly; what is looked for here is wrong answers.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("TUSBRIDGE_"):
            monkeypatch.delenv(name)


def config(**given: Any) -> ServerConfig:
    return ServerConfig(**given)


# --- sizes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("1048576", 1_048_576, id="bytes"),
        pytest.param("5B", 5, id="bytes-with-a-unit"),
        pytest.param("5G", 5 * 2**30, id="G-is-GiB"),
        pytest.param("5GiB", 5 * 2**30, id="GiB"),
        pytest.param("5GB", 5 * 10**9, id="GB"),
        pytest.param("5 GiB", 5 * 2**30, id="a-space"),
        pytest.param(" 5GiB ", 5 * 2**30, id="spaces-around"),
        pytest.param("5gib", 5 * 2**30, id="lower-case"),
        pytest.param("5gb", 5 * 10**9, id="lower-case-decimal"),
        pytest.param("1K", 2**10, id="K"),
        pytest.param("1KB", 10**3, id="KB"),
        pytest.param("1M", 2**20, id="M"),
        pytest.param("1MB", 10**6, id="MB"),
        pytest.param("5TiB", 5 * 2**40, id="TiB"),
        pytest.param("1TB", 10**12, id="TB"),
        pytest.param("1PiB", 2**50, id="PiB"),
        pytest.param(7, 7, id="an-integer"),
    ],
)
def test_size_is_read_in_bytes(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("GiB", id="unit-alone"),
        pytest.param("-1", id="negative"),
        pytest.param("+1", id="plus-sign"),
        pytest.param("1.5GiB", id="fraction"),
        pytest.param("1,000", id="comma"),
        pytest.param("1_000", id="underscore"),
        pytest.param("1e3", id="exponent"),
        pytest.param("0x10", id="hex"),
        pytest.param("5 0", id="two-numbers"),
        pytest.param("5XiB", id="unknown-unit"),
        pytest.param("5iB", id="half-a-unit"),
        pytest.param("5GiBB", id="too-much-unit"),
        pytest.param("5 bytes", id="a-word"),
        pytest.param("\u0663", id="arabic-digit"),
        pytest.param("5\u212a", id="kelvin-sign"),
        pytest.param("inf", id="infinity"),
        pytest.param(True, id="true"),
        pytest.param(None, id="none"),
        pytest.param(1.5, id="a-float"),
    ],
)
def test_size_in_another_form_is_refused_with_what_is_taken(text: Any) -> None:
    with pytest.raises(ValueError, match="GiB"):
        parse_size(text)


@unhurried
@given(st.integers(0, 2**63 - 1))
def test_size_of_any_number_of_bytes_is_that_number(size: int) -> None:
    assert parse_size(str(size)) == size
    assert parse_size(f"{size}B") == size


@unhurried
@given(st.text(st.characters(exclude_categories=())) | st.text("0159 kKmgtpiIbB.+-", max_size=8))
def test_any_text_is_a_size_or_a_value_error(text: str) -> None:
    try:
        size = parse_size(text)
    except ValueError:
        return
    assert size >= 0


# --- times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("90", 90, id="seconds"),
        pytest.param("90s", 90, id="s"),
        pytest.param("15m", 900, id="m"),
        pytest.param("24h", 86_400, id="h"),
        pytest.param("7d", 604_800, id="d"),
        pytest.param("1.5h", 5400, id="fraction"),
        pytest.param("0.5", 0.5, id="half-a-second"),
        pytest.param("500ms", 0.5, id="ms"),
        pytest.param("1 h", 3600, id="a-space"),
        pytest.param(" 1h ", 3600, id="spaces-around"),
        pytest.param("2H", 7200, id="upper-case"),
        pytest.param("never", None, id="never"),
        pytest.param("Never", None, id="never-capitalised"),
        pytest.param(None, None, id="none"),
        pytest.param(60, 60, id="an-integer"),
        pytest.param(2.5, 2.5, id="a-float"),
    ],
)
def test_time_is_read_in_seconds(text: Any, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("0", id="zero"),
        pytest.param("0s", id="zero-seconds"),
        pytest.param("0.0h", id="zero-hours"),
        pytest.param("h", id="unit-alone"),
        pytest.param("-1", id="negative"),
        pytest.param("+1", id="plus-sign"),
        pytest.param("1e3", id="exponent"),
        pytest.param("1w", id="unknown-unit"),
        pytest.param("1 day", id="a-word"),
        pytest.param("1h30m", id="two-units"),
        pytest.param("1:30", id="colon"),
        pytest.param(".5", id="no-leading-digit"),
        pytest.param("5.", id="no-trailing-digit"),
        pytest.param("\u0663s", id="arabic-digit"),
        pytest.param("inf", id="infinity"),
        pytest.param("nan", id="nan"),
        pytest.param("nevermore", id="not-quite-never"),
        pytest.param(0, id="zero-as-a-number"),
        pytest.param(True, id="true"),
    ],
)
def test_time_in_another_form_is_refused_with_what_is_taken(text: Any) -> None:
    with pytest.raises(ValueError, match="24h"):
        parse_duration(text)


@unhurried
@given(st.text(st.characters(exclude_categories=())) | st.text("0159 mshdMS.+-never", max_size=8))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds is None or seconds > 0


# --- defaults


def test_the_server_is_reachable_from_this_machine_only_by_default() -> None:
    made = config()
    assert made.host == "127.0.0.1"
    assert made.is_loopback
    assert made.base_url == "http://127.0.0.1:8000"


def test_uploads_are_limited_expire_and_survive_a_power_cut_by_default() -> None:
    made = config()
    assert made.max_length == 5 * 2**40
    assert made.expire_after == 86_400
    assert made.durability == "power"
    assert made.read_timeout == 60
    assert made.allow_anonymous is False


def test_users_have_no_quota_by_default() -> None:
    made = config()
    limits = (made.user_max_open, made.user_max_bytes, made.user_creations_per_minute)
    assert limits == (None, None, None)
    assert made.max_total_bytes is None


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        config().port = 1  # type: ignore[misc]


# --- environment


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "HOST": "0.0.0.0",
        "PORT": "9000",
        "DATA_DIR": "/srv/data",
        "MAX_LENGTH": "10GiB",
        "USER_MAX_OPEN": "20",
        "USER_MAX_BYTES": "50GiB",
        "USER_CREATIONS_PER_MINUTE": "60",
        "MAX_TOTAL_BYTES": "1TiB",
        "EXPIRE_AFTER": "7d",
        "DURABILITY": "process",
        "CORS_ORIGIN": "https://a.example, https://b.example",
        "ALLOWED_HOST": "a.example,",
        "ABSOLUTE_LOCATION": "https://a.example",
        "ALLOW_ANONYMOUS": "true",
        "LOG_FORMAT": "json",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"TUSBRIDGE_{name}", value)
    made = config()
    assert made.host == "0.0.0.0"
    assert made.port == 9000
    assert made.data_dir == Path("/srv/data")
    assert made.max_length == 10 * 2**30
    assert made.user_max_open == 20
    assert made.user_max_bytes == 50 * 2**30
    assert made.user_creations_per_minute == 60
    assert made.max_total_bytes == 2**40
    assert made.expire_after == 604_800
    assert made.durability == "process"
    assert made.cors_origin == ("https://a.example", "https://b.example")
    assert made.allowed_host == ("a.example",)
    assert made.allow_anonymous is True
    assert made.log_format == "json"


def test_what_is_no_setting_of_the_server_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUSBRIDGE_SECRET_KEY", "x")
    monkeypatch.setenv("TUSBRIDGE_TEST_DATABASE_URL", "x")
    monkeypatch.setenv("PORT", "1")
    assert config().port == 8000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "http"),
        ("PORT", "\u0668\u0660"),
        ("WORKERS", "0"),
        ("WORKERS", "65"),
        ("THREADS", "0"),
        ("THREADS", "257"),
        ("MAX_LENGTH", "5 apples"),
        ("MAX_LENGTH", "-1"),
        ("USER_MAX_OPEN", "0"),
        ("USER_MAX_OPEN", "many"),
        ("USER_MAX_BYTES", "5 apples"),
        ("USER_CREATIONS_PER_MINUTE", "-1"),
        ("MAX_TOTAL_BYTES", "-1"),
        ("EXPIRE_AFTER", "0"),
        ("EXPIRE_AFTER", "tomorrow"),
        ("READ_TIMEOUT", "0"),
        ("DURABILITY", "disk"),
        ("ALLOW_ANONYMOUS", "perhaps"),
        ("LOG_FORMAT", "xml"),
        ("ALLOWED_HOST", "https://files.example"),
        ("ABSOLUTE_LOCATION", "files.example"),
        ("CORS_ORIGIN", "app.example"),
        ("CORS_ORIGIN", "https://good.example,https://app.example/page"),
        ("CORS_ALLOW_HEADER", "X Tenant"),
        ("CORS_ALLOW_HEADER", "*"),
        ("CORS_EXPOSE_HEADER", "X-Tenant:"),
    ],
)
def test_wrong_value_is_refused_by_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TUSBRIDGE_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        config()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("", (), id="empty"),
        pytest.param(" , ,", (), id="commas"),
        pytest.param("a", ("a",), id="one"),
        pytest.param("a,b", ("a", "b"), id="two"),
        pytest.param(" a , b ,", ("a", "b"), id="spaces"),
        pytest.param(["a", "b"], ("a", "b"), id="a-list"),
    ],
)
def test_list_is_split_at_commas(text: Any, names: tuple[str, ...]) -> None:
    assert config(allowed_host=text).allowed_host == names


def test_list_is_not_json() -> None:
    with pytest.raises(ValidationError, match="is not a host name"):
        config(allowed_host='["a"]')


# --- who can reach the server, and under which name


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "localhost"])
def test_this_machines_own_addresses_are_loopback(host: str) -> None:
    assert config(host=host).is_loopback


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "",
        "10.0.0.1",
        "192.168.1.1",
        "128.0.0.1",
        "2001:db8::1",
        "fe80::1",
        "a.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1:8000",
        "\u0661\u0662\u0667.0.0.1",
    ],
)
def test_any_other_address_is_not(host: str) -> None:
    assert not config(host=host).is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_loopback_only_this_machines_names_are_answered(host: str) -> None:
    hosts = config(host=host).allowed_hosts
    assert set(hosts) == {"localhost", "127.0.0.1", "[::1]", host}
    assert "*" not in hosts


def test_elsewhere_any_name_is_answered() -> None:
    assert config(host="0.0.0.0").allowed_hosts == ["*"]


def test_named_hosts_replace_any_name() -> None:
    assert config(host="0.0.0.0", allowed_host="a.example").allowed_hosts == ["a.example"]


def test_on_loopback_named_hosts_are_answered_beside_this_machines_own() -> None:
    """What the server prints at its start works."""
    hosts = config(host="127.0.0.1", allowed_host="a.example").allowed_hosts
    assert set(hosts) == {"localhost", "127.0.0.1", "[::1]", "a.example"}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Files.Example", "files.example"),
        ("files.example.", "files.example"),
        (".Files.example", ".files.example"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("10.0.0.5", "10.0.0.5"),
        ("::1", "[::1]"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("*", "*"),
    ],
)
def test_host_names_are_taken_as_requests_have_them(written: str, name: str) -> None:
    assert config(allowed_host=written).allowed_host == (name,)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("https://files.example/", "is a URL"),
        ("files.example/", "is a URL"),
        ("files.example:8443", "has a port; write files.example alone"),
        ("*.files.example", "write .files.example|write .app.example"),
        ("my_service", "has an underscore"),
        ("a b", "is not a host name"),
        (".", "is not a host name"),
    ],
)
def test_a_host_name_that_never_matches_is_refused(written: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        config(allowed_host=[written])


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://Files.Example/", "https://files.example"),
        ("https://files.example:443", "https://files.example"),
        ("http://files.example:8080/up/", "http://files.example:8080/up"),
    ],
)
def test_locations_are_below_the_url_that_clients_see(written: str, url: str) -> None:
    assert config(absolute_location=written).absolute_location == url


@pytest.mark.parametrize(
    "written",
    [
        *("files.example", "ftp://files.example", "https://", "https://*.example", "true"),
        *("https://files.example?x", "https://files.example/#x", "https://a b/"),
    ],
)
def test_what_is_no_url_to_see_a_server_at_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="absolute_location"):
        config(absolute_location=written)


def test_on_loopback_this_machines_pages_may_upload() -> None:
    origins = config(host="127.0.0.1").cors_origins
    assert set(origins) == {"http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"}


def test_elsewhere_no_page_of_another_origin_may() -> None:
    assert config(host="0.0.0.0").cors_origins == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_named_origins_replace_the_default_ones(host: str) -> None:
    made = config(host=host, cors_origin="https://a.example")
    assert made.cors_origins == ("https://a.example",)


@pytest.mark.parametrize(
    ("written", "origins"),
    [
        ("https://App.example:443/", ("https://app.example",)),
        ("https://*.app.example, *", ("https://*.app.example", "*")),
    ],
)
def test_origins_are_taken_as_browsers_send_them(written: str, origins: tuple[str, ...]) -> None:
    assert config(cors_origin=written).cors_origins == origins


# --- places


def test_finished_files_go_below_the_data_folder() -> None:
    assert config(data_dir="/srv/data").files_path == Path("/srv/data/files")


def test_finished_files_can_go_elsewhere() -> None:
    made = config(data_dir="/srv/data", files_dir="/mnt/files")
    assert made.files_path == Path("/mnt/files")


def test_the_place_of_files_does_not_move_with_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config().files_path == tmp_path.resolve() / "tusbridge-data" / "files"
    assert config(files_dir="files").files_path == tmp_path.resolve() / "files"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:9000", id="ipv4"),
        pytest.param("localhost", "http://localhost:9000", id="name"),
        pytest.param("::1", "http://[::1]:9000", id="ipv6-in-brackets"),
        pytest.param("0.0.0.0", "http://127.0.0.1:9000", id="every-ipv4-address"),
        pytest.param("::", "http://[::1]:9000", id="every-ipv6-address"),
        pytest.param("2001:db8::1", "http://[2001:db8::1]:9000", id="another-ipv6"),
    ],
)
def test_the_server_is_found_under_a_url_that_works(host: str, url: str) -> None:
    assert config(host=host, port=9000).base_url == url
