"""Origins: what people write, what browsers send, and which of the two agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusbridge.origins import is_allowed, normalise_origin

# --- who is allowed


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        pytest.param("https://a.example", "https://a.example", id="the-same"),
        pytest.param("https://a.example:8443", "https://a.example:8443", id="the-same-port"),
        pytest.param("http://localhost:3000", "http://localhost:*", id="any-port"),
        pytest.param("http://localhost", "http://localhost:*", id="any-port-or-none"),
        pytest.param("http://localhost:65535", "http://localhost:*", id="the-highest-port"),
        pytest.param("http://127.0.0.1:8000", "http://127.0.0.1:*", id="any-port-ipv4"),
        pytest.param("http://[::1]:8000", "http://[::1]:*", id="any-port-ipv6"),
        pytest.param("http://[::1]", "http://[::1]:*", id="ipv6-without-a-port"),
        pytest.param("null", "null", id="null-if-the-site-lists-it"),
        pytest.param("https://a.app.example", "https://*.app.example", id="a-subdomain"),
        pytest.param("https://a.b.app.example", "https://*.app.example", id="two-below"),
        pytest.param("https://a-1_x.app.example", "https://*.app.example", id="odd-subdomain"),
        pytest.param("https://a.app.example:8443", "https://*.app.example:8443", id="with-a-port"),
        pytest.param("http://t.localhost:3000", "http://*.localhost:*", id="both-stars"),
        pytest.param("http://t.localhost", "http://*.localhost:*", id="both-stars-no-port"),
    ],
)
def test_listed_origin_is_allowed(origin: str, listed: str) -> None:
    assert is_allowed(origin, ["https://other.example", listed])


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        pytest.param("https://b.example", "https://a.example", id="another-host"),
        pytest.param("http://a.example", "https://a.example", id="another-scheme"),
        pytest.param("https://a.example:8443", "https://a.example", id="another-port"),
        pytest.param("https://a.example", "https://a.example:8443", id="no-port"),
        pytest.param("https://sub.a.example", "https://a.example", id="a-subdomain"),
        pytest.param("https://a.example.evil.example", "https://a.example", id="listed-as-prefix"),
        pytest.param("https://evila.example", "https://a.example", id="listed-as-suffix"),
        pytest.param("https://a.example/", "https://a.example", id="a-slash-behind"),
        pytest.param("https://a.example\n", "https://a.example", id="a-newline-behind"),
        pytest.param("https://a.example https://b.example", "https://a.example", id="two"),
        pytest.param("null", "https://a.example", id="null"),
        pytest.param("null", "http://localhost:*", id="null-and-any-port"),
        pytest.param("", "https://a.example", id="empty"),
        pytest.param("", "http://localhost:*", id="empty-and-any-port"),
        pytest.param("https://localhost:3000", "http://localhost:*", id="any-port-other-scheme"),
        pytest.param("http://evil.localhost:3000", "http://localhost:*", id="any-port-subdomain"),
        pytest.param("http://localhost.evil.example", "http://localhost:*", id="any-port-prefix"),
        pytest.param("http://localhost:3000.evil", "http://localhost:*", id="port-with-a-host"),
        pytest.param("http://localhost:evil", "http://localhost:*", id="port-of-letters"),
        pytest.param("http://localhost:80:90", "http://localhost:*", id="two-ports"),
        pytest.param("http://localhost:", "http://localhost:*", id="port-empty"),
        pytest.param("http://localhost:\u0663", "http://localhost:*", id="port-arabic-digit"),
        pytest.param("http://localhost:\u00b2", "http://localhost:*", id="port-superscript"),
        pytest.param("http://localhost:-1", "http://localhost:*", id="port-negative"),
        pytest.param("http://localhost:80@evil.example", "http://localhost:*", id="user-info"),
        pytest.param("http://evil.example#://localhost", "http://localhost:*", id="fragment"),
        pytest.param("http://evil.example/http://localhost", "http://localhost:*", id="in-a-path"),
        pytest.param("localhost:3000", "http://localhost:*", id="no-scheme"),
        pytest.param("http://[::1]:3000.evil", "http://[::1]:*", id="ipv6-port-with-a-host"),
        pytest.param("http://[::2]:3000", "http://[::1]:*", id="another-ipv6"),
        pytest.param("https://app.example", "https://*.app.example", id="the-domain-itself"),
        pytest.param("https://evilapp.example", "https://*.app.example", id="no-dot-before"),
        pytest.param("https://.app.example", "https://*.app.example", id="empty-subdomain"),
        pytest.param("https://a..app.example", "https://*.app.example", id="empty-label"),
        pytest.param("https://a.app.example.evil.example", "https://*.app.example", id="as-prefix"),
        pytest.param("https://a.appxexample", "https://*.app.example", id="a-dot-is-a-dot"),
        pytest.param("http://a.app.example", "https://*.app.example", id="star-other-scheme"),
        pytest.param("https://a.app.example:1", "https://*.app.example", id="star-other-port"),
        pytest.param("https://evil/a.app.example", "https://*.app.example", id="star-and-slash"),
        pytest.param("https://u@a.app.example", "https://*.app.example", id="star-and-user"),
        pytest.param("https://*.app.example", "https://*.app.example", id="the-star-itself"),
        pytest.param("https://a.app.example\n", "https://*.app.example", id="star-and-newline"),
        pytest.param("https://a.example", "*", id="a-star-is-answered-otherwise"),
    ],
)
def test_any_other_origin_is_not(origin: str, listed: str) -> None:
    assert not is_allowed(origin, [listed])


def test_nobody_is_allowed_by_an_empty_list() -> None:
    assert not is_allowed("https://a.example", [])


# --- how they are written


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("*", "*"),
        ("NULL", "null"),
        ("https://app.example", "https://app.example"),
        ("https://app.example/", "https://app.example"),
        (" https://app.example ", "https://app.example"),
        ("HTTPS://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("https://app.example:0443/", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("https://app.example:80", "https://app.example:80"),
        ("https://app.example:", "https://app.example"),
        ("http://LOCALHOST:3000", "http://localhost:3000"),
        ("http://localhost:*", "http://localhost:*"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://B\u00dcCHER.example", "https://xn--bcher-kva.example"),
        ("https://*.b\u00fccher.example", "https://*.xn--bcher-kva.example"),
        ("https://*.App.example/", "https://*.app.example"),
        ("https://*.app.example:*", "https://*.app.example:*"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("https://my_app.example", "https://my_app.example"),
    ],
)
def test_what_people_write_becomes_what_browsers_send(text: str, origin: str) -> None:
    assert normalise_origin(text) == origin


WRONG = [
    ("", "has no scheme"),
    ("app.example", "has no scheme"),
    ("*.app.example", "has no scheme"),
    ("//app.example", "has no scheme"),
    ("app.example:443", "has no scheme"),
    ("https:/app.example", "has no scheme"),
    ("https://app.example/page", "has a path"),
    ("https://app.example//", "has a path"),
    ("https://app.example?x", "has a path"),
    ("https://app.example#x", "has a path"),
    ("https://*", "has a star elsewhere"),
    ("https://app.*", "has a star elsewhere"),
    ("https://*app.example", "has a star elsewhere"),
    ("https://a.*.example", "has a star elsewhere"),
    ("https://*.*.example", "has a star elsewhere"),
    ("http://localhost:3*", "has a port"),
    ("https://app.example:port", "has a port"),
    ("https://app.example:0", "has a port"),
    ("https://app.example:65536", "has a port"),
    ("https://app.example:\u0664", "has a port"),
    ("https://stra\u00dfe.example", "Punycode"),
    ("https://", "is not an origin"),
    ("https://*.", "is not an origin"),
    ("file://", "is not an origin"),
    ("https://user@app.example", "is not an origin"),
    ("https://a.example https://b.example", "has a path"),
    ("https://a.example,https://b.example", "has a path"),
    ("https://[::1", "is not an origin"),
    ("https://[fe80::1%25eth0]", "is not an origin"),
    ("1http://a.example", "is not an origin"),
    ("https://a\u00fc..example", "is not an origin"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_what_no_browser_ever_sends_is_told(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        normalise_origin(text)


@given(st.text(max_size=40) | st.text("htps:/*.a[]0123456789@\u00fc\u00df", max_size=20))
def test_any_text_is_an_origin_that_stays_one_or_a_value_error(text: str) -> None:
    try:
        origin = normalise_origin(text)
    except ValueError:
        return
    assert normalise_origin(origin) == origin
    assert is_allowed(origin, [origin]) == ("*" not in origin)
