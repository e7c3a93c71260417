"""Which addresses a webhook may be sent to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.outbox.webhooks.addresses import address_of, objection

INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2606:4700::5efe:127.0.0.1",
    "2606:4700::200:5efe:10.0.0.1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_that_leads_inside_is_objected_to(text):
    assert objection(ip_address(text)) != ""


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_not(text):
    assert objection(ip_address(text)) == ""


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_no_ipv4_address_is_public_that_python_does_not_call_global(address):
    assert objection(address) or (address.is_global and not address.is_multicast and not address.is_reserved)


@given(
    st.one_of(
        st.integers(0, 2**128 - 1),
        # Most of the odd ranges begin with few bits: at random nobody would ever meet them.
        st.builds(lambda first, rest: first << 112 | rest, st.integers(0, 2**16 - 1), st.integers(0, 2**112 - 1)),
        st.builds(lambda second, rest: 0x2001 << 112 | second << 96 | rest, st.integers(0, 1023), st.integers(0, 99)),
    ).map(IPv6Address)
)
def test_no_ipv6_address_is_public_that_python_does_not_call_global(address):
    inner = address.ipv4_mapped
    if objection(address) == "" and inner is None:
        assert address.is_global
        odd = (address.is_multicast, address.is_reserved, address.is_site_local, address.sixtofour, address.teredo)
        assert not any(odd)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["::ffff:0:0", "64:ff9b::"]))
def test_an_address_inside_an_address_is_what_counts(number, prefix):
    outer = IPv6Address(int(IPv6Address(prefix)) | number)
    assert objection(outer) == objection(IPv4Address(number))


@pytest.mark.parametrize("text", ["fe80::1%eth0", "127.1", "0177.0.0.1", "2130706433", "0x7f000001", "example.com", ""])
def test_what_is_no_plain_address_is_not_read_as_one(text):
    assert address_of(text) is None
