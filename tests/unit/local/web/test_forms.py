"""Forms: as clients send them, and as none does."""

from __future__ import annotations

from contextlib import suppress

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import ServerError
from realtime_sync.local.web.forms import read_form

OFFER = b"v=0\r\nm=audio\r\n\r\n-x\r\n"
KIND = "multipart/form-data; boundary=x"


def form(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


def part(name: str, content: bytes, *headers: str) -> bytes:
    lines = [f'Content-Disposition: form-data; name="{name}"', *headers, "", ""]
    return "\r\n".join(lines).encode() + content


@given(
    st.dictionaries(
        st.text("abc-_ ;=", min_size=1, max_size=5), st.binary(max_size=20), min_size=1, max_size=16
    )
)
def test_what_requests_writes(parts: dict[str, bytes]) -> None:
    """Contents come as they are, whatever is in them."""
    files = [(name, (None, content, "application/sdp")) for name, content in parts.items()]
    asked = requests.Request("POST", "http://h/", files=files).prepare()
    assert isinstance(asked.body, bytes)
    assert read_form(asked.headers["Content-Type"], asked.body) == parts


def test_other_ways_to_write_it() -> None:
    body = b"a preamble\r\n--x \t\r\n" + part("sdp", OFFER[:-5]) + b"\r\n--x--\r\nan epilogue"
    assert read_form('Multipart/Form-Data; charset=utf-8; BOUNDARY="x"', body) == {
        "sdp": OFFER[:-5]
    }
    for head in (
        b"content-disposition:form-data;name=sdp",
        b"A: b\r\nContent-Disposition: form-data; filename=x; name*=utf-8''sdp",
    ):
        assert read_form(KIND, form(head + b"\r\n\r\nv=0")) == {"sdp": b"v=0"}
    assert read_form(KIND, form(part("a", b"1"), part("a", b"2"))) == {"a": b"2"}
    assert read_form(KIND, form(part("a", b"--x1\r\nb"))) == {"a": b"--x1\r\nb"}
    assert read_form(KIND, form(b"", b"A: b", b"\r\n\r\nc")) == {}


def test_parts_within_parts_are_contents() -> None:
    body, kind = b"v=0", "application/sdp"
    for depth in range(3000):
        mark = f"b{depth}"
        inner = part("sdp", body, f"Content-Type: {kind}")
        body = f"--{mark}\r\n".encode() + inner + f"\r\n--{mark}--\r\n".encode()
        kind = f"multipart/form-data; boundary={mark}"
    content = read_form(kind, body)["sdp"]
    assert content.startswith(b"--b2998\r\n")
    mail = b"Content-Type: message/rfc822\r\n\r\n" * 3000
    assert read_form(KIND, form(part("sdp", mail, "Content-Type: message/rfc822")))["sdp"] == mail


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("multipart/form-data", form(part("a", b"b")), "its boundary is wrong"),
        ("multipart/form-data; boundary=", form(part("a", b"b")), "its boundary is wrong"),
        ("multipart/form-data; boundary=y", form(part("a", b"b")), "its boundary is wrong"),
        (KIND + "x" * 1000, form(part("a", b"b")), "its boundary is wrong"),
        (KIND, b"", "its boundary is wrong"),
        (KIND, form(part("a", b"b"), end=b""), "its boundary is wrong"),
        (KIND, form(*[part("a", b"b")] * 17), "more than 16 parts"),
        (KIND, b"--x\r\n" * 200_000, "more than 16 parts"),
    ],
)
def test_what_is_no_form(kind: str, body: bytes, words: str) -> None:
    with pytest.raises(ServerError, match=words):
        read_form(kind, body)


PIECES = st.sampled_from(
    [
        *(b"--x", b"--", b"\r\n", b"\r\n\r\n", b"\n", b":", b";", b"=", b'"', b"'", b"(", b"*"),
        *(b"Content-Disposition", b"form-data", b"name", b"name*", b"name*0", b"sdp", b"%ff"),
    ]
)


@given(
    st.lists(PIECES | st.binary(max_size=2)).map(b"".join),
    st.lists(PIECES | st.sampled_from([b"boundary", b"boundary*", b"boundary*0"])).map(b"".join),
)
def test_forms_of_any_form(body: bytes, kind: bytes) -> None:
    for content_type in (KIND, "multipart/form-data;" + kind.decode("latin-1")):
        with suppress(ServerError):
            read_form(content_type, form(body))


@pytest.mark.parametrize("charset", ["undefined", "idna", "punycode", "\0"])
def test_a_name_in_an_encoding_that_decodes_nothing(charset: str) -> None:
    """RFC 2231 lets a client choose among Python's encodings; of such a part there is no name."""
    head = f"Content-Disposition: form-data; name*={charset}''s%ffp".encode()
    assert set(read_form(KIND, form(head + b"\r\n\r\nv=0", part("sdp", OFFER)))) == {"", "sdp"}
    with pytest.raises(ServerError, match="boundary is wrong"):
        read_form(f"multipart/form-data; boundary*={charset}''%ff", form(part("sdp", OFFER)))
