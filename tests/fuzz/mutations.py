"""What an attacker does to requests, and to their bytes."""

from collections.abc import Callable
from random import Random

from tests.fuzz.hostile import (
    CHECKSUMS,
    CHUNK_SIZES,
    CODINGS,
    FIELDS,
    LISTS,
    METADATA,
    METHODS,
    NUMBERS,
    OVERRIDES,
    PATHS,
    SUFFIXES,
    VERSIONS,
    hostile_value,
    placeholder,
)
from tests.fuzz.requests import CRLF, POOL, Request

# -- mutations of a request


def _change_field(request: Request, random: Random) -> None:
    name, _ = random.choice(request.fields)
    request.put(name, hostile_value(name, random))


def _add_field(request: Request, random: Random) -> None:
    name = random.choice(FIELDS)
    request.fields.insert(
        random.randint(0, len(request.fields)), (name, hostile_value(name, random))
    )


def _drop_field(request: Request, random: Random) -> None:
    if len(request.fields) > 2:
        request.drop(random.choice(request.fields)[0])


def _repeat_field(request: Request, random: Random) -> None:
    name, value = random.choice(request.fields)
    value = value if random.random() < 0.4 else hostile_value(name, random)
    request.fields.insert(random.randint(0, len(request.fields)), (name, value))


def _spoil_name(request: Request, random: Random) -> None:
    at = random.randrange(len(request.fields))
    name, value = request.fields[at]
    spoilt = [name + b" ", b" " + name, name.replace(b"-", b"_"), name + b"\x00", b"", name[:-1]]
    spoilt += [name.upper(), b"\xff" + name, name * 3000, name + b"\t", b":" + name, b"(" + name]
    request.fields[at] = (random.choice(spoilt), value)


def _two_framings(request: Request, random: Random) -> None:
    """Content-Length and Transfer-Encoding together (RFC 9112, 6.1)."""
    request.put(b"Content-Length", random.choice([b"0", b"5", b"6", b"64", b"600"]))
    at = random.randint(0, len(request.fields))
    request.fields.insert(at, (b"Transfer-Encoding", b"chunked"))
    request.body = random.choice([b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"]) + _next(random, "kept")
    request.must_close = True


def _two_lengths(request: Request, random: Random) -> None:
    request.drop(b"Transfer-Encoding")
    request.put(b"Content-Length", b"5")
    at = random.randint(0, len(request.fields))
    request.fields.insert(at, (b"Content-Length", random.choice([b"6", b"0", b"50", b"-5"])))
    request.body = b"hello" + _next(random, "kept")
    request.must_close = True


def _coding(request: Request, random: Random) -> None:
    request.drop(b"Content-Length")
    request.put(b"Transfer-Encoding", random.choice(CODINGS))
    request.body = b"5\r\nhello\r\n0\r\n\r\n" + _next(random, "open")


def _bad_chunk(request: Request, random: Random) -> None:
    request.drop(b"Content-Length")
    request.put(b"Transfer-Encoding", b"chunked")
    bodies = [size + b"\r\nhello\r\n0\r\n\r\n" for size in CHUNK_SIZES]
    bodies += [b"5\nhello\n0\n\n", b"5\r\nhelloXX0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhel"]
    bodies += [b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * random.choice([1, 200, 9000]) + b"\r\n"]
    bodies += [
        b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
        b"5\r\nhello\r\n0\r\n \r\n\r\n",
        b"",
    ]
    request.body = random.choice(bodies) + (_next(random, "open") if random.random() < 0.3 else b"")


def _next(random: Random, kind: str) -> bytes:
    """Another request. Behind a framing that must end the connection it names an upload that has
    to be there in the end; where the framing may be fine, one that need not."""
    path = b"/files/" + placeholder(kind, random.randrange(POOL))
    return b"DELETE " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n\r\n"


def _resize_body(request: Request, random: Random) -> None:
    request.body = random.choice(
        [
            *(b"", request.body[:-1], request.body[: len(request.body) // 2]),
            *(request.body + b"x", request.body * 3, request.body + random.randbytes(5000)),
            random.randbytes(100_000),
        ]
    )


def _long_body(request: Request, random: Random) -> None:
    size = random.choice([65_536, 300_000])
    request.put(b"Content-Length", str(size).encode())
    request.body = bytes(random.choice([size, size - 1, size // 2]))


def _change_path(request: Request, random: Random) -> None:
    if random.random() < 0.4:
        request.path += random.choice(SUFFIXES)
    else:
        request.path = random.choice(PATHS)
    request.target = ""


def _change_method(request: Request, random: Random) -> None:
    request.method = random.choice(METHODS)


def _change_version(request: Request, random: Random) -> None:
    request.version = random.choice(VERSIONS)


def _override(request: Request, random: Random) -> None:
    request.put(b"X-HTTP-Method-Override", random.choice([request.method, *OVERRIDES]))
    request.method = random.choice([b"POST", b"GET", b"PUT", request.method])


def _expect(request: Request, random: Random) -> None:
    request.put(b"Expect", b"100-continue")


def _many_fields(request: Request, random: Random) -> None:
    count = random.choice([50, 99, 101, 300, 3000])
    request.fields += [(b"X-%d" % n, random.choice([b"y", b"y" * 100])) for n in range(count)]


def _checksum(request: Request, random: Random) -> None:
    request.put(b"Upload-Checksum", random.choice(CHECKSUMS))


def _concat(request: Request, random: Random) -> None:
    request.put(b"Upload-Concat", random.choice(LISTS))


def _metadata(request: Request, random: Random) -> None:
    request.put(b"Upload-Metadata", random.choice(METADATA))


def _number(request: Request, random: Random) -> None:
    names = [b"Content-Length", b"Upload-Length", b"Upload-Offset", b"Upload-Defer-Length"]
    request.put(random.choice(names), random.choice(NUMBERS))


MUTATIONS: tuple[Callable[[Request, Random], None], ...] = (
    *(
        _change_field,
        _change_field,
        _add_field,
        _add_field,
        _drop_field,
        _repeat_field,
        _spoil_name,
    ),
    *(_two_framings, _two_lengths, _coding, _bad_chunk, _bad_chunk, _resize_body, _long_body),
    *(_change_path, _change_method, _change_version, _override, _expect, _many_fields),
    *(_checksum, _concat, _metadata, _number, _number),
)

# -- mutations of bytes


def _flip(data: bytes, random: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(random.randint(1, 4)):
        spoilt[random.randrange(len(spoilt))] = random.randrange(256)
    return bytes(spoilt)


def _insert(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    what = [b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\xff", b":", random.randbytes(9)]
    return data[:at] + random.choice(what) + data[at:]


def _cut_out(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at + random.randint(1, 20) :]


def _double(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at : at + random.randint(1, 80)] * 2 + data[at:]


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def _bare_lines(data: bytes, random: Random) -> bytes:
    return data.replace(CRLF, random.choice([b"\n", b"\r", b"\n\r", b"\r\r\n"]))


def _noise(data: bytes, random: Random) -> bytes:
    return random.randbytes(random.randint(1, 400))


def _fold(data: bytes, random: Random) -> bytes:
    return data.replace(b": ", b":\r\n ", random.randint(1, 3))


BYTE_MUTATIONS = (_flip, _flip, _insert, _insert, _cut_out, _double, _truncate, _truncate)
BYTE_MUTATIONS += (_bare_lines, _noise, _fold)
