"""Which addresses of the internet a webhook may be sent to: public ones, by a table of our own.

`ipaddress` alone is not enough: its tables differ between releases of Python, and some of what it calls global leads
inside all the same.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_INSIDE_4 = {
    IPv4Network(network): kind
    for network, kind in {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by a carrier",
        "127.0.0.0/8": "loopback",
        "168.63.129.16/32": "a cloud's service for its machines",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved for protocols",
        "192.0.2.0/24": "for documentation",
        "192.88.99.0/24": "a 6to4 relay",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "for benchmarks",
        "198.51.100.0/24": "for documentation",
        "203.0.113.0/24": "for documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
}
_INSIDE_6 = {
    IPv6Network(network): kind
    for network, kind in {
        "::/128": "unspecified",
        "::1/128": "loopback",
        "2001::/23": "reserved for protocols",
        "2001:db8::/32": "for documentation",
        "2002::/16": "a 6to4 tunnel",
        "3fff::/20": "for documentation",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }.items()
}
_UNICAST_6 = IPv6Network("2000::/3")
"""All that was ever given out; whatever lies outside of it is for something else."""
_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""Where a network without IPv4 reaches it: such an address is as public as the one inside it."""
_ISATAP = {0x00005EFE, 0x02005EFE}
"""The middle of an IPv6 address that stands for an IPv4 address behind a tunnel."""


def address_of(text: str) -> Address | None:
    """Return the address that a text is; ``None`` when it is none, or has a zone."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(found, IPv6Address) and found.scope_id is not None else found


def objection(address: Address) -> str:
    """Return what an address is, if nothing may be sent to it; empty if it is public."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _INSIDE_4.items() if address in network), "")
    if address in _MAPPED or address in _TRANSLATED:
        return objection(IPv4Address(int(address) & 0xFFFFFFFF))
    inside = next((kind for network, kind in _INSIDE_6.items() if address in network), "")
    if inside:
        return inside
    if address not in _UNICAST_6:
        return "reserved"
    return "a tunnel" if int(address) >> 32 & 0xFFFFFFFF in _ISATAP else ""
