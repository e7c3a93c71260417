"""The addresses of endpoints, as people and attackers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.delivery_errors import UnsafeAddressError
from aegispay.outbox.webhooks.url import URL_CHARS_MAX, parse_url

PORTS = frozenset({443})


def parse(url, *hosts, ports=PORTS):
    return parse_url(url, allowed_hosts=frozenset(hosts), allowed_ports=ports)


REFUSED = {
    "http://shop.example.com/": "https",
    "ftp://shop.example.com/": "https",
    "file:///etc/passwd": "host",
    "//shop.example.com/": "https",
    "shop.example.com/hooks": "host",
    "https:shop.example.com": "host",
    "https:///hooks": "host",
    "https://": "host",
    "https://user@shop.example.com/": "user name",
    "https://user:s3cret@shop.example.com/": "user name",
    "https://shop.example.com@127.0.0.1/": "user name",
    "https://shop.example.com/#part": "#",
    "https://shop.example.com#": "#",
    "https://shop.example.com:8080/": "port",
    "https://shop.example.com:22/": "port",
    "https://shop.example.com:0/": "port",
    "https://shop.example.com:65536/": "port",
    "https://shop.example.com:4x3/": "host",
    "https://shop.example.com\\@127.0.0.1/": "user name",
    "https://shop.example.com\\.127.0.0.1/": "host",
    "https://shop.example.com/a\\b": "path",
    "https://shop.example.com/a b": "ASCII",
    "https://shop.example.com/\r\nX: y": "ASCII",
    "https://shop.exam\tple.com/": "ASCII",
    "https://straße.example.com/": "xn--",
    "https://\uff11\uff12\uff17.0.0.1/": "xn--",
    "https://\u24dbocalhost/": "xn--",
    "https://shop\u3002example.com/": "xn--",
    "https://localhost/": "public internet",
    "https://LOCALHOST/": "public internet",
    "https://localhost./": "public internet",
    "https://intranet/": "public internet",
    "https://metadata.google.internal/": "public internet",
    "https://printer.local/": "public internet",
    "https://router.home.arpa/": "public internet",
    "https://foo.localhost/": "public internet",
    "https://shop..example.com/": "name of the internet",
    "https://.example.com/": "name of the internet",
    "https://shop.example.com../": "name of the internet",
    "https://-shop.example.com/": "name of the internet",
    "https://shop%2eexample.com/": "host",
    "https://127.0.0.1/": "loopback",
    "https://127.0.0.1./": "loopback",
    "https://10.1.2.3/": "private",
    "https://169.254.169.254/latest/meta-data": "link-local",
    "https://2130706433/": "unusual form",
    "https://0x7f000001/": "unusual form",
    "https://0x7f.1/": "unusual form",
    "https://127.1/": "unusual form",
    "https://127.0.1/": "unusual form",
    "https://0177.0.0.1/": "unusual form",
    "https://127.0.0.01/": "unusual form",
    "https://127.0.0.0x1/": "unusual form",
    "https://256.0.0.1/": "unusual form",
    "https://1.2.3.4.5/": "unusual form",
    "https://[::1]/": "loopback",
    "https://[::]/": "unspecified",
    "https://[::ffff:127.0.0.1]/": "loopback",
    "https://[::ffff:7f00:1]/": "loopback",
    "https://[64:ff9b::127.0.0.1]/": "loopback",
    "https://[2002:7f00:1::]/": "6to4",
    "https://[fe80::1%25eth0]/": "host",
    "https://[fd00::1]/": "private",
    "https://[127.0.0.1]/": "",  # which check finds it depends on the release of Python
    "https://[::1/": "no URL",
    "https://::1/": "host",
    "": "address of an endpoint",
}


@pytest.mark.parametrize(("url", "reason"), REFUSED.items(), ids=list(map(ascii, REFUSED)))
def test_an_address_that_must_not_be_called_is_refused_with_its_reason(url, reason):
    with pytest.raises(UnsafeAddressError) as caught:
        parse(url)
    (error,) = caught.value.errors
    assert error.field == "url"
    assert reason in error.message
    assert "WebhookPolicy" in caught.value.hint


def test_an_address_that_is_far_too_long_is_refused():
    with pytest.raises(UnsafeAddressError, match="at most 2048"):
        parse("https://shop.example.com/" + "a" * URL_CHARS_MAX)


@pytest.mark.parametrize("given_url", [None, 7, b"https://shop.example.com/", ["https://shop.example.com/"]])
def test_what_is_no_text_is_refused(given_url):
    with pytest.raises(UnsafeAddressError, match="url"):
        parse(given_url)


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://shop.example.com", "https://shop.example.com", "/"),
        ("HTTPS://Shop.Example.COM:443/Hooks", "https://shop.example.com", "/Hooks"),
        ("https://shop.example.com./hooks", "https://shop.example.com", "/hooks"),
        ("https://shop.example.com/hooks?token=a%20b&x=", "https://shop.example.com", "/hooks?token=a%20b&x="),
        ("https://xn--strae-oqa.example.com/", "https://xn--strae-oqa.example.com", "/"),
        ("https://8.8.8.8/h", "https://8.8.8.8", "/h"),
        ("https://[2606:4700:4700:0:0:0:0:1111]/h", "https://[2606:4700:4700::1111]", "/h"),
        ("https://a_b.example.com/~x/;y=(1)", "https://a_b.example.com", "/~x/;y=(1)"),
    ],
)
def test_a_public_address_is_taken_apart(url, origin, path):
    target = parse(url)
    assert (target.origin, target.path, target.url) == (origin, path, origin + path)


def test_other_ports_can_be_permitted():
    assert parse("https://shop.example.com:8443/", ports=frozenset({443, 8443})).port == 8443


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8000/hooks", "127.0.0.1"),
        ("http://localhost/hooks", "localhost"),
        ("http://LOCALHOST./hooks", "localhost"),
        ("http://[::1]:8000/hooks", "::1"),
        ("https://intranet:9443/hooks", "intranet"),
    ],
)
def test_a_host_that_is_allowed_may_be_anything(url, host):
    assert parse(url, host).host == host


def test_that_one_host_is_allowed_says_nothing_about_others():
    with pytest.raises(UnsafeAddressError):
        parse("http://127.0.0.2/", "127.0.0.1")
    with pytest.raises(UnsafeAddressError):
        parse("http://evil.localhost/", "localhost")


def test_what_may_be_shown_has_neither_path_nor_query():
    target = parse("https://shop.example.com/T0KEN/hooks?key=s3cret")
    assert target.shown == "https://shop.example.com/…"
    assert parse("https://shop.example.com/").shown == "https://shop.example.com"


@given(st.text(max_size=80))
def test_a_refusal_never_repeats_the_address(rest):
    secret = "s3cret-t0ken-in-it"
    for url in (f"https://{rest}{secret}", f"{rest}{secret}", f"https://shop.example.com/{rest}{secret}"):
        said = ""
        try:
            parse(url)
        except UnsafeAddressError as error:
            said = str(error)
        assert secret not in said


@given(st.from_regex(r"[a-z0-9.\[\]:%@\\/x-]{0,40}", fullmatch=True))
def test_whatever_is_written_is_refused_or_a_host_on_443(rest):
    try:
        target = parse(f"https://{rest}")
    except UnsafeAddressError:
        return
    assert target.port == 443
    assert target.host
    assert parse(target.url) == target
