"""Who may ask the embedded server: the table of Hosts and Origins, and the options for more."""

from __future__ import annotations

import pytest

from realtime_sync import ConfigError
from realtime_sync.local.callers import CallerRules

USUAL = CallerRules("127.0.0.1")
HERE = ["127.0.0.1:8765"]


def knows(host: str, rules: CallerRules = USUAL) -> bool:
    return rules.refuse_host([host]) is None


def trusts(origin: str, host: str = "127.0.0.1:8765", rules: CallerRules = USUAL) -> bool:
    return rules.refuse_origin([origin], [host]) is None


# -- Host ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8765",
        "127.0.0.1:",
        "192.168.1.5:8765",
        "8.8.8.8",
        "0.0.0.0:8765",
        "[::1]",
        "[::1]:8765",
        "[2001:DB8::1]:8765",
        "[::ffff:127.0.0.1]",
        "[fe80::1%eth0]:8765",
        "localhost",
        "localhost:8765",
        "LOCALHOST:65535",
        "localhost.",
        "localhost.:8765",
        "127.0.0.1.:8765",
        "voice.localhost:8765",
        "a.b.localhost",
    ],
)
def test_hosts_that_lead_nowhere_else(host: str) -> None:
    assert knows(host)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("evil.example", "evil.example"),
        ("Evil.Example.:8765", "evil.example"),
        ("localhost.evil.example", "localhost.evil.example"),
        ("127.0.0.1.evil.example:8765", "127.0.0.1.evil.example"),
        ("notlocalhost", "notlocalhost"),
        ("localhost..", "localhost."),
        ("2130706433", "2130706433"),
        ("0x7f.1", "0x7f.1"),
        ("127.1", "127.1"),
        ("0177.0.0.1", "0177.0.0.1"),
        ("voice", "voice"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_foreign_host_is_told_the_option(host: str, name: str) -> None:
    assert USUAL.refuse_host([host]) == (
        f"This server does not go by the name '{name}' (the Host of your request). If it should, "
        f"start it with --allow-host {name}; else ask it by its IP address, or as localhost."
    )


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        [" "],
        [":8765"],
        ["."],
        [".localhost"],
        ["localhost:x"],
        ["localhost:-1"],
        ["localhost:65536"],
        ["localhost:8765:8765"],
        ["localhost:\xb2"],
        ["localhost, localhost"],
        ["localhost evil.example"],
        ["user@localhost"],
        ["localhost/"],
        ["http://localhost"],
        ["::1"],
        ["[::1"],
        ["[]"],
        ["[::1]evil.example"],
        ["[127.0.0.1]"],
        ["[localhost]"],
        ["b\xfccher.example"],
        ["localhost\n"],
        ["localhost", "localhost"],
        ["localhost", "evil.example"],
    ],
)
def test_what_names_no_host(hosts: list[str]) -> None:
    for rules in (USUAL, CallerRules("127.0.0.1", ["*"])):
        refused = rules.refuse_host(hosts)
        assert refused is not None
        assert refused.startswith("Expected one Host header")
        assert ", ".join(map(repr, hosts)) in refused
        assert refused.endswith("--allow-host NAME.")


def test_the_bound_name() -> None:
    rules = CallerRules("Voice.Lan.")
    assert knows("voice.lan:8765", rules)
    assert knows("localhost", rules)
    assert not knows("lan", rules)
    assert not knows("a.voice.lan", rules)
    assert not knows("anything", CallerRules("0.0.0.0"))


@pytest.mark.parametrize(
    ("option", "known", "unknown"),
    [
        ("voice", ["voice", "VOICE:80", "voice."], ["voice.example", "a.voice", "voices"]),
        ("Voice.Example.", ["voice.example"], ["example"]),
        ("*.voice.example", ["a.voice.example", "a.b.voice.example"], ["voice.example", "x"]),
        ("*.voice.example", [], ["a.voice.example.evil.example", "avoice.example"]),
        ("voice-*.example", ["voice-1.example", "voice-.example"], ["voice-1.evil.example"]),
        ("voice*", ["voice", "voice7"], ["voice.evil.example"]),
        ("a.b", ["a.b"], ["aXb"]),
        ("*", ["evil.example", "voice"], []),
    ],
)
def test_allowed_hosts(option: str, known: list[str], unknown: list[str]) -> None:
    rules = CallerRules("127.0.0.1", ["other.example", option])
    assert [host for host in known if not knows(host, rules)] == []
    assert [host for host in unknown if knows(host, rules)] == []
    assert knows("other.example", rules)


@pytest.mark.parametrize(
    "option",
    ["", " ", "voice:8765", "http://voice", "voice/", "[::1]", "::1", "a b", "b\xfccher", ".", "?"],
)
def test_what_is_no_host_to_allow(option: str) -> None:
    with pytest.raises(ConfigError, match="is no host to allow; give a name such as") as caught:
        CallerRules("127.0.0.1", ["voice", option])
    assert repr(option) in str(caught.value)


# -- Origin ----------------------------------------------------------------------------------------


def test_no_page_asks() -> None:
    assert USUAL.refuse_origin([], HERE) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://localhost:8443",
        "HTTP://LocalHost:3000",
        "http://localhost.:3000",
        "http://app.localhost:3000",
        "http://127.0.0.1:1",
        "http://127.8.9.10:3000",
        "http://[::1]:3000",
        "https://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:127.0.0.1]:3000",
        "http://[::ffff:7f00:1]:3000",
    ],
)
def test_pages_of_this_machine(origin: str) -> None:
    assert trusts(origin)
    assert trusts(origin, "voice.example")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:8765",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://2130706433",
        "http://127.1",
        "http://192.168.1.5:8765",
        "http://0.0.0.0:8765",
        "http://[::]:8765",
        "http://[2001:db8::1]",
        "chrome-extension://abcdefghijklmnop",
        "moz-extension://0a1b2c",
        "ws://localhost:8765",
        "capacitor://localhost",
        "ftp://127.0.0.1",
    ],
)
def test_a_foreign_page_is_told_the_option(origin: str) -> None:
    refused = USUAL.refuse_origin([origin], HERE)
    assert refused == (
        f"Pages of '{origin}' may not use this server (the Origin of your request). If they "
        f"should, start it with --allow-origin {origin}."
    )


def test_what_only_looks_like_this_machine() -> None:
    assert not trusts("http://[::ffff:8.8.8.8]")
    assert not trusts("http://localhost..")


def test_null_is_refused_with_the_reason() -> None:
    for rules in (USUAL, CallerRules("localhost", ["*"], ["https://app.example"])):
        refused = rules.refuse_origin(["null"], HERE)
        assert refused is not None
        assert refused.startswith("The Origin 'null' is refused: pages out of files send it")
        assert "--allow-origin" in refused


@pytest.mark.parametrize(
    "origins",
    [
        [""],
        ["*"],
        ["Null"],
        ["localhost"],
        ["localhost:3000"],
        ["//localhost"],
        ["http:localhost"],
        ["http://"],
        ["file://"],
        ["http://localhost/"],
        ["http://localhost/page"],
        ["http://localhost?x"],
        ["http://localhost#x"],
        ["http://user@localhost"],
        ["http://evil.example@localhost"],
        ["http://localhost:3000@evil.example"],
        ["http://localhost\\@evil.example"],
        ["http://localhost:65536"],
        ["http://localhost:x"],
        ["http://local host"],
        ["http://[::1"],
        ["http://[127.0.0.1]"],
        ["http://localhost http://localhost"],
        ["http://localhost, http://evil.example"],
        ["http://localhost\n"],
        ["http://localhost", "http://localhost"],
        ["http://localhost", "null"],
        ["null", "null"],
    ],
)
def test_what_is_no_origin(origins: list[str]) -> None:
    refused = USUAL.refuse_origin(origins, HERE)
    assert refused is not None
    assert refused.startswith("Expected one Origin header")
    assert ", ".join(map(repr, origins)) in refused
    assert "--allow-origin" in refused


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://voice.lan:8765", "voice.lan:8765", True),
        ("https://voice.lan:8765", "voice.lan:8765", True),  # TLS may end at a proxy
        ("https://voice.example", "voice.example", True),
        ("https://voice.example", "voice.example:443", True),
        ("http://Voice.Example:80", "voice.example.", True),
        ("http://192.168.1.5:8765", "192.168.1.5:8765", True),
        ("http://[2001:db8::1]:8765", "[2001:DB8:0::1]:8765", True),
        ("http://voice.lan:3000", "voice.lan:8765", False),
        ("https://voice.example", "voice.example:8443", False),
        ("http://a.voice.lan:8765", "voice.lan:8765", False),
        ("http://voice.lan:8765", "a.voice.lan:8765", False),
        ("http://192.168.1.50", "192.168.1.5", False),
        ("chrome-extension://voice", "voice", False),
        ("http://voice.example", "", False),
    ],
)
def test_the_page_of_the_host_that_is_asked(origin: str, host: str, same: bool) -> None:
    assert trusts(origin, host) is same
    assert not trusts(origin, "other.example")


@pytest.mark.parametrize(
    ("option", "trusted", "foreign"),
    [
        (
            "https://App.Example",
            ["https://app.example", "https://app.example:443", "HTTPS://APP.EXAMPLE."],
            ["http://app.example", "https://app.example:8443", "https://a.app.example"],
        ),
        ("https://app.example:8443", ["https://app.example:8443"], ["https://app.example"]),
        ("http://app.example:80", ["http://app.example"], ["http://app.example:81"]),
        (
            "http://app.example:*",
            ["http://app.example", "http://app.example:1", "http://app.example:65535"],
            ["https://app.example", "http://app.example.evil.example:1"],
        ),
        (
            "https://*.example.com",
            ["https://a.example.com", "https://a.b.example.com"],
            ["https://example.com", "https://aexample.com", "https://a.example.com.evil.example"],
        ),
        (
            "https://app-*.example",
            ["https://app-1.example"],
            ["https://app-1.evil.example", "https://app-1.example:444"],
        ),
        ("https://*", ["https://evil.example"], ["http://evil.example", "https://a.example:444"]),
        ("https://*:*", ["https://a.example:444"], ["http://a.example:444"]),
        ("http://[2001:db8:0::1]:3000", ["http://[2001:DB8::1]:3000"], ["http://[2001:db8::1]"]),
        (
            "chrome-extension://abcdef",
            ["chrome-extension://abcdef"],
            ["chrome-extension://abcdefg", "moz-extension://abcdef"],
        ),
        ("chrome-extension://*", ["chrome-extension://xyz"], ["moz-extension://xyz"]),
        ("*", ["https://evil.example", "chrome-extension://x", "null", "file://", "???"], []),
    ],
)
def test_allowed_origins(option: str, trusted: list[str], foreign: list[str]) -> None:
    rules = CallerRules("127.0.0.1", origins=["https://other.example", option])
    assert [origin for origin in trusted if not trusts(origin, rules=rules)] == []
    assert [origin for origin in foreign if trusts(origin, rules=rules)] == []
    assert trusts("https://other.example", rules=rules)
    assert trusts("http://localhost:3000", rules=rules)
    assert not trusts("null", rules=CallerRules("127.0.0.1", origins=["https://*:*"]))


def test_two_origins_are_refused_even_where_all_are_allowed() -> None:
    assert CallerRules("localhost", origins=["*"]).refuse_origin(["a://b", "a://b"], HERE)


@pytest.mark.parametrize(
    "option",
    [
        "",
        "null",
        "app.example",
        "app.example:8443",
        "https://app.example/",
        "https://app.example/page",
        "https://user@app.example",
        "https://",
        "https://app.example:",
        "https://app.example:84*",
        "https://app.example:65536",
        "https://app.example https://b.example",
        "https://[::1",
        "https://[localhost]",
        "*://app.example",
        "file://",
    ],
)
def test_what_is_no_origin_to_allow(option: str) -> None:
    with pytest.raises(ConfigError, match="is no origin to allow; give one such as") as caught:
        CallerRules("127.0.0.1", origins=["*", option])
    assert repr(option) in str(caught.value)
