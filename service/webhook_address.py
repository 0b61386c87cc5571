"""Where webhooks may be sent: by default over TLS, and to public addresses alone.

A webhook's address is chosen by a caller and called by us, from inside the company's network. What
a name stands for is therefore looked up once, checked, and called at that very address.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ledger.webhooks import LONGEST_URL
from lifecycle.errors import RefusedError, UsageError

_PLAIN = re.compile(r"[!-~]+").fullmatch
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# where machines of a cloud read their own secrets, outside of the link's addresses
_METADATA = frozenset(
    ipaddress.ip_address(one)
    for one in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Reach:
    """What the operator allows beyond that: plain HTTP, and the company's own network."""

    http: bool = False
    private: bool = False


PUBLIC_ONLY = Reach()


def check_url(url: str, reach: Reach) -> SplitResult:
    """Return the parts of an address that webhooks may be sent to, without looking it up.

    Raises
    ------
    UsageError
        It has another form, names a user, or its host is an address that may not be reached.
    """
    try:
        parts = urlsplit(url)
        plain = bool(_PLAIN(url)) and len(url) <= LONGEST_URL and port_of(parts) > 0
    except ValueError:
        plain, parts = False, urlsplit("")
    schemes = {"https", "http"} if reach.http else {"https"}
    if not plain or parts.scheme not in schemes or not parts.hostname or "\\" in url:
        found = "a webhook's address of another form"
        raise UsageError(found, f"{' or '.join(sorted(schemes))}://host/path", "correct the url")
    if "@" in parts.netloc or parts.fragment:
        raise UsageError("a webhook's address with a user or a fragment", "none", "leave it out")
    if _is_address(parts.hostname) and not is_reachable(parts.hostname, reach):
        raise UsageError(
            "a webhook's address inside a network", "a public one", _todo(reach, "correct the url")
        )
    return parts


def port_of(parts: SplitResult) -> int:
    """Return the port that an address names, or its scheme's."""
    return parts.port if parts.port is not None else _PORTS.get(parts.scheme, 0)


def find_address(host: str, port: int, reach: Reach) -> str:
    """Look a host up and return the address to call.

    Raises
    ------
    RefusedError
        One of its addresses may not be reached: none is then, for a name that stands for both is
        set up to lead astray.
    OSError
        The name stands for nothing.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if not all(is_reachable(one, reach) for one in addresses):
        raise RefusedError(
            "the host's address is not public", "a public one", _todo(reach, "correct the url")
        )
    return addresses[0]


def is_reachable(address: str, reach: Reach) -> bool:
    """Say whether an IP address may be called.

    Of an IPv6 address that stands for an IPv4 address, that one is looked at. Addresses of the
    own link, and others where clouds keep their secrets, are never called.

    Examples
    --------
    >>> [is_reachable(one, Reach()) for one in ("8.8.8.8", "10.0.0.1", "::ffff:127.0.0.1")]
    [True, False, False]
    >>> [is_reachable(one, Reach(private=True)) for one in ("127.0.0.1", "169.254.169.254")]
    [True, False]
    """
    place = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(place, ipaddress.IPv6Address):
        if place.is_site_local:  # Python calls these public
            return reach.private
        place = _inner(place) or place
    if place in _METADATA:
        return False
    if place.is_loopback:
        return reach.private
    if place.is_multicast or place.is_unspecified or place.is_link_local or place.is_reserved:
        return False
    return place.is_global or reach.private


def _inner(place: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if place in _NAT64:
        return ipaddress.IPv4Address(int(place) & 0xFFFFFFFF)
    teredo = place.teredo
    return place.ipv4_mapped or place.sixtofour or (teredo[1] if teredo else None)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _todo(reach: Reach, text: str) -> str:
    return text if reach.private else f"{text}, or set TRUECAST_WEBHOOKS_ALLOW_PRIVATE"
