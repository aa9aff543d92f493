"""What attackers put into fields, paths and start lines."""

import base64
from collections.abc import Mapping
from random import Random

ID_LENGTH = 32


def placeholder(kind: str, number: int) -> bytes:
    """Stands for the id of an upload of that kind; as long as one."""
    return f"<{kind}{number}>".encode().ljust(ID_LENGTH, b"~")


def _words(text: bytes) -> tuple[bytes, ...]:
    return tuple(text.split(b" "))


NUMBERS = (
    *_words(
        b"-1 +5 5_0 0x5 05 00 5,5 1e3 5.0 0 1 63 64 65 4294967296 18446744073709551616 NaN inf"
    ),
    *_words(
        b"9223372036854775807 9223372036854775808 null \xd9\xa3 \xb2 \xef\xbc\x95 --5 0b1 5; '5'"
    ),
    *_words(b"5\x00 \t5 5\x0b %35"),
    *(b"", b" ", b"5 5", b"5, 6", b"9" * 30, b"9" * 5000),
)
TEXTS = (
    *_words(
        b"\xff\xfe\x00 \x00 ../../../etc/passwd ..\\..\\x /etc/passwd a\tb a\x0bb %00 %0d%0aX:y"
    ),
    *_words(
        b'\xe2\x80\xae \xed\xa0\x80 \xc0\xaf \xf0\x9f\x98\x80 \x01\x02\x1f\x7f \x85\xa0 " * \'";--'
    ),
    *_words(
        b"{{7*7}} ${jndi:ldap://127.0.0.1/x} <script>alert(1)</script> a,b;c=d final; true W/*"
    ),
    *(b"", b" ", b"1.0.0, 1.0.0", b"0.2.2", b"bytes=0-", b"A" * 300, b"B" * 9000, b"C" * 70_000),
)
FIELDS = _words(
    b"Upload-Length Upload-Offset Upload-Defer-Length Upload-Metadata Upload-Concat "
    b"Upload-Checksum Tus-Resumable Content-Type Content-Length Transfer-Encoding "
    b"X-HTTP-Method-Override Expect Range If-Range If-None-Match Origin Host Connection Upgrade "
    b"Cookie Authorization X-Forwarded-Host X-Forwarded-For X-Forwarded-Proto Forwarded Trailer "
    b"TE Content-Encoding Accept-Encoding Via Keep-Alive Referer X-CSRFToken Date "
    b"Upload-Complete Script-Name"
)
CODINGS = (
    *_words(b'chunked identity gzip xchunked \x0bchunked chunked;q=1 CHUNKED "chunked" chunked,'),
    *_words(b",chunked chunked\x00 c\xefhunked"),
    *(b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"", b" chunked", b"chunked\t"),
)
CHUNK_SIZES = (
    *_words(
        b'+5 -5 0x5 5_0 zz \xd9\xa5 5;\n 5;a="b 5;a=b\rX 5\t 5;;; FFFFFFFFFFFFFFFF FFFFFFFFFFFFFFF0'
    ),
    *(b"5 ", b" 5", b"", b"0" * 40 + b"5", b"5;" + b"x" * 20_000),
)
PATHS = (
    *_words(
        b"/files/%00 /files/%ff /files/..%2f..%2fx /files/../x //files/ /files// /files/% * / \\"
    ),
    *_words(
        b"http://evil.example/files/ files /files\xff /files/\x00 /files/#x /files/%u0041 /FILES/"
    ),
    *_words(b"/files/%E2%80%AE /files/docs /files/openapi.json /files/;x=y"),
    *(b"", b"/files/" + b"a" * 4000, b"/files/" + b"a" * 90_000, b"/files/?" + b"q" * 9000),
    *(b"/files/" + b"0" * 32, b"/files/" + b"g" * 32, b"/files/" + b"A" * 32),
)
SUFFIXES = _words(b".lock .json .info .claim .p0 / %00 %0a ?x # 0")
METHODS = (
    *_words(b"PUT TRACE CONNECT FOO patch P\xc3 PRI POST GET HEAD PATCH OPTIONS PROPFIND G@T"),
    *(b"", b"A" * 5000, b"PATCH\x00", b"PATCH\t"),
)
VERSIONS = (
    *_words(
        b"HTTP/1.0 HTTP/0.9 HTTP/2.0 HTTP/1.2 HTTP/1.1x http/1.1 HTTP/ HTTP/11 XTTP/1.1 HTTP/1.\xb9"
    ),
    *(b"", b"HTTP/1.1 HTTP/1.1"),
)
RANGES = (
    *_words(
        b"bytes=0-0 bytes=-1 bytes=5- bytes=0-99999999999999999999 bytes=-0 bytes=9-1 bytes=64-"
    ),
    *_words(b"bytes=0-1,2-3 bytes=a-b bytes= bytes=--1 items=0-1 bytes=\xd9\xa3- BYTES=0-0"),
    *(b"bytes= 0 - 1", b"bytes=0-0\x00", b"bytes=" + b"0-," * 3000),
)
METADATA = (
    *(
        b",",
        b"k v",
        b"k !!!!",
        b"k Zg",
        b"k Zg==,k Zg==",
        b" k",
        b"k  Zg==",
        b"\xff Zg==",
        b"k \xff",
    ),
    *(
        b"k,",
        b"k\tZg==",
        b"k Zg==\x00",
        b"k =",
        b"filename",
        b"k " + b"A" * 8000,
        b"k " + b"A" * 90_000,
    ),
    *(b",".join(b"k%d" % n for n in range(count)) for count in (64, 65)),
    *(
        b"filename " + base64.b64encode(name)
        for name in (b"\r\nX: y\x00", b"\xff\xfe", b"../../x", b"\xe2\x80\xaegpj.exe", b"a" * 5000)
    ),
    b"filetype " + base64.b64encode(b"text/html\r\nX: y"),
)
CHECKSUMS = (
    *(
        b"sha1",
        b"sha1 ",
        b"sha1 !!",
        b"sha1 Zm9v",
        b"md4 Zm9v",
        b"sha1  Zm9v",
        b"SHA1 Zm9v",
        b"\xff Zm9v",
    ),
    *(
        b"crc32 AAAAAA==",
        b"sha512 " + b"A" * 90_000,
        b"sha1 Zm9v\x00",
        b" sha1 Zm9v",
        b"sha256 Zg==",
    ),
)
LISTS = (
    *_words(
        b"partial PARTIAL final final; foo partial;x final;x final;/ final;//x/y final;file:///etc/passwd"
    ),
    *_words(
        b"final;/files/../../etc/passwd final;http://[::1 final;/files/%00 final;\xff final;\x01"
    ),
    *(b"final; ", b"final;a\x85b", b"final;" + b"/files/x " * 3000, b"final;" + b"x" * 60_000),
    b"final;http://127.0.0.1:1/files/" + b"0" * 32,
    b"final;http://u:p@127.0.0.1/files/" + b"0" * 32,
    b"final;" + b" ".join([b"/files/" + placeholder("part", 0)] * 200),
    *(
        b"final;/files/" + placeholder("part", 1) + separator + b"/files/" + placeholder("part", 2)
        for separator in (*_words(b"\x1c \x85 \xa0 \t \x0b , ;"), b"  ", b" \x01")
    ),
)
TYPES = (
    *_words(
        b"text/plain Application/Offset+Octet-Stream application/x-www-form-urlencoded a/b/c / \x00"
    ),
    *(b"", b"application/offset+octet-stream; charset=\xff", b"multipart/form-data; boundary=x"),
    *(b"application/offset+octet-stream, text/plain", b"application/json; charset=bogus"),
)
OVERRIDES = (*_words(b"PATCH HEAD GET OPTIONS patch FOO \xff"), b"", b" PATCH", b"PATCH, HEAD")

_BY_FIELD: Mapping[bytes, tuple[bytes, ...]] = {
    b"upload-length": NUMBERS,
    b"upload-offset": NUMBERS,
    b"content-length": NUMBERS,
    b"upload-defer-length": NUMBERS,
    b"upload-metadata": METADATA,
    b"upload-concat": LISTS,
    b"upload-checksum": CHECKSUMS,
    b"transfer-encoding": CODINGS,
    b"range": RANGES,
    b"content-type": TYPES,
    b"x-http-method-override": OVERRIDES,
    b"expect": (b"100-continue", b"200-ok", b"100-continue, x"),
    b"connection": (b"close", b"keep-alive", b"upgrade", b"close, upload-offset", b"\xff"),
    b"upgrade": (b"h2c", b"websocket", b"\xff"),
    b"trailer": (b"Upload-Checksum", b"Content-Length", b"\xff"),
}


def hostile_value(name: bytes, random: Random) -> bytes:
    """For a field of that name; now and then, one that would be for others."""
    known = _BY_FIELD.get(name.lower(), TEXTS)
    return random.choice(known if random.random() < 0.8 else TEXTS)
