"""The settings: what is taken, what is refused, and that they are read at use."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from pydantic import ValidationError

from tusbridge.conf import Options, get_options, parse_options

# --- defaults


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORAGE", "default"),
        ("UPLOAD_TO", "uploads"),
        ("PARTIALS_DIR", None),
        ("MAX_LENGTH", 5 * 2**40),
        ("EXPIRE_AFTER", 86_400),
        ("EXPIRED_STATUS", 410),
        ("DURABILITY", "power"),
        ("READ_TIMEOUT", 60),
        ("LEASE_TTL", 2.5),
        ("CORS_ORIGINS", ()),
        ("CORS_ALLOW_HEADERS", ()),
        ("CORS_EXPOSE_HEADERS", ()),
        ("ALLOW_ANONYMOUS", False),
        ("ABSOLUTE_LOCATION", False),
        ("POLICY", "tusbridge.policy.Policy"),
        ("USER_MAX_OPEN", None),
        ("USER_MAX_BYTES", None),
        ("USER_CREATIONS_PER_MINUTE", None),
        ("MAX_TOTAL_BYTES", None),
    ],
)
def test_default_is_the_safe_choice(name: str, value: object) -> None:
    assert getattr(parse_options({}), name) == value


def test_every_setting_is_described() -> None:
    assert [n for n, field in Options.model_fields.items() if not field.description] == []


def test_options_cannot_be_changed() -> None:
    options = parse_options({})
    with pytest.raises(ValidationError, match="frozen"):
        options.MAX_LENGTH = 1  # type: ignore[misc]


# --- values


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        pytest.param("MAX_LENGTH", 0, 0, id="max-length-zero"),
        pytest.param("MAX_LENGTH", 2**63 - 1, 2**63 - 1, id="max-length-the-largest"),
        pytest.param("EXPIRE_AFTER", None, None, id="expire-after-never"),
        pytest.param("EXPIRE_AFTER", 0.5, 0.5, id="expire-after-half-a-second"),
        pytest.param("EXPIRED_STATUS", 404, 404, id="expired-status-404"),
        pytest.param("DURABILITY", "process", "process", id="durability-process"),
        pytest.param("CORS_ORIGINS", ["https://a.example"], ("https://a.example",), id="cors-list"),
        pytest.param("CORS_ORIGINS", ("*",), ("*",), id="cors-any"),
        pytest.param("PARTIALS_DIR", "/srv/partial", "/srv/partial", id="partials-dir"),
    ],
)
def test_setting_is_taken(name: str, given: object, value: object) -> None:
    assert getattr(parse_options({name: given}), name) == value


@pytest.mark.parametrize(
    ("name", "given"),
    [
        pytest.param("MAX_LENGTH", -1, id="max-length-negative"),
        pytest.param("MAX_LENGTH", 2**63, id="max-length-2-to-the-63"),
        pytest.param("MAX_LENGTH", 1.5, id="max-length-fraction"),
        pytest.param("MAX_LENGTH", "5GiB", id="max-length-text"),
        pytest.param("MAX_LENGTH", "9" * 5000, id="max-length-5000-digits"),
        pytest.param("MAX_LENGTH", None, id="max-length-none"),
        pytest.param("EXPIRE_AFTER", 0, id="expire-after-zero"),
        pytest.param("EXPIRE_AFTER", -1, id="expire-after-negative"),
        pytest.param("EXPIRE_AFTER", float("nan"), id="expire-after-nan"),
        pytest.param("EXPIRE_AFTER", "1 day", id="expire-after-text"),
        pytest.param("EXPIRED_STATUS", 403, id="expired-status-403"),
        pytest.param("EXPIRED_STATUS", 200, id="expired-status-200"),
        pytest.param("DURABILITY", "disk", id="durability-unknown"),
        pytest.param("DURABILITY", "", id="durability-empty"),
        pytest.param("READ_TIMEOUT", 0, id="read-timeout-zero"),
        pytest.param("READ_TIMEOUT", None, id="row-46-read-timeout-never"),
        pytest.param("LEASE_TTL", 0, id="lease-ttl-zero"),
        pytest.param("LEASE_TTL", -1, id="lease-ttl-negative"),
        pytest.param("CORS_ORIGINS", "https://a.example", id="cors-text-is-no-list"),
        pytest.param("CORS_ORIGINS", "*", id="cors-star-is-no-list"),
        pytest.param("CORS_ORIGINS", [1], id="cors-number"),
        pytest.param("ALLOW_ANONYMOUS", "perhaps", id="allow-anonymous-text"),
        pytest.param("ALLOW_ANONYMOUS", None, id="allow-anonymous-none"),
        pytest.param("USER_MAX_OPEN", 0, id="user-max-open-zero"),
        pytest.param("USER_MAX_BYTES", -1, id="user-max-bytes-negative"),
        pytest.param("USER_MAX_BYTES", 2**63, id="user-max-bytes-2-to-the-63"),
        pytest.param("USER_CREATIONS_PER_MINUTE", 0, id="user-creations-zero"),
        pytest.param("USER_CREATIONS_PER_MINUTE", 1.5, id="user-creations-fraction"),
        pytest.param("MAX_TOTAL_BYTES", -1, id="max-total-bytes-negative"),
        pytest.param("STORAGE", None, id="storage-none"),
        pytest.param("STORAGE", 5, id="storage-number"),
    ],
)
def test_wrong_value_is_refused_by_the_settings_name(name: str, given: object) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"TUSBRIDGE\['{name}"):
        parse_options({name: given})


# --- names


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        pytest.param("MAX_LENGHT", "MAX_LENGTH", id="swapped-letters"),
        pytest.param("MAXLENGTH", "MAX_LENGTH", id="missing-underscore"),
        pytest.param("MAX_LENGTH_BYTES", "MAX_LENGTH", id="unit-behind"),
        pytest.param("EXPIRES_AFTER", "EXPIRE_AFTER", id="one-letter-more"),
        pytest.param("CORS_ORIGIN", "CORS_ORIGINS", id="singular"),
        pytest.param("READ_TIME_OUT", "READ_TIMEOUT", id="two-words"),
        pytest.param("ANONYMOUS", "ALLOW_ANONYMOUS", id="half-the-name"),
    ],
)
def test_unknown_name_is_refused_with_the_nearest_one(name: str, nearest: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_options({name: 1})
    assert name in str(caught.value)
    assert f"did you mean {nearest!r}?" in str(caught.value)


@pytest.mark.parametrize("name", ["QQQQ", "", "*", 5, None])
def test_unknown_name_that_is_near_to_none_is_refused(name: Any) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_options({name: 1})
    assert repr(name) in str(caught.value)
    assert "did you mean" not in str(caught.value)


def test_unknown_name_is_refused_beside_good_ones() -> None:
    with pytest.raises(ImproperlyConfigured, match="MAX_LENGHT"):
        parse_options({"STORAGE": "default", "MAX_LENGHT": 5})


# --- read at use


def test_change_of_the_settings_is_seen_and_taken_back() -> None:
    before = get_options()
    with override_settings(TUSBRIDGE={"MAX_LENGTH": 7}):
        assert get_options().MAX_LENGTH == 7
        with override_settings(TUSBRIDGE={"MAX_LENGTH": 8}):
            assert get_options().MAX_LENGTH == 8
        assert get_options().MAX_LENGTH == 7
    assert get_options() == before


@pytest.mark.parametrize("raw", [{}, None], ids=["empty", "none"])
def test_without_settings_there_are_the_defaults(raw: Any) -> None:
    with override_settings(TUSBRIDGE=raw):
        assert get_options() == parse_options({})


def test_site_without_the_dictionary_has_the_defaults(settings: Any) -> None:
    del settings.TUSBRIDGE
    assert get_options() == parse_options({})


def test_wrong_settings_are_refused_at_every_use() -> None:
    with override_settings(TUSBRIDGE={"MAX_LENGTH": -1}):
        for _ in range(2):
            with pytest.raises(ImproperlyConfigured):
                get_options()
    assert get_options().MAX_LENGTH > 0


def test_the_settings_are_parsed_once_while_they_are_the_same() -> None:
    assert get_options() is get_options()
