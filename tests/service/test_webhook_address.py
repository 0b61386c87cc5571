"""Nothing inside the own network is called, whatever a name stands for."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lifecycle.errors import RefusedError, UsageError
from service import webhook_address
from service.webhook_address import PUBLIC_ONLY, Reach, check_url, find_address, is_reachable
from service.worker.posting import post
from tests.service.webhooks.conftest import receiver as receiver
from tests.service.webhooks.receiver import HERE, Receiver

INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1",
    "::1", "::", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "::ffff:10.0.0.1",
    "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"]


def stand_for(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_reachable(address, PUBLIC_ONLY)
    stand_for(monkeypatch, address)
    with pytest.raises(RefusedError):
        find_address("hooks.example", 443, PUBLIC_ONLY)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called(address: str) -> None:
    assert is_reachable(address, PUBLIC_ONLY)


def test_a_name_that_stands_for_both_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_for(monkeypatch, "1.1.1.1", "10.0.0.1")
    with pytest.raises(RefusedError):
        find_address("hooks.example", 443, PUBLIC_ONLY)


NEVER = [
    "169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0",
    "fd00:ec2::254", "100.100.100.200", "::ffff:100.100.100.200", "168.63.129.16", "192.0.0.192",
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
def test_addresses_of_the_own_link_and_of_clouds_are_refused_whatever_is_allowed(
    address: str,
) -> None:
    assert not is_reachable(address, HERE)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/", "ftp://example.org/", "https://", "https://user:pw@example.org/",
     "https://example.org/#x", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1:8443/",
     "https://example.org:0/", "https://example.org:99999/", "https://example.org/ä",
     "https://example.org/a b", "https://example.org\\@127.0.0.1/", "example.org", "//x/",
     "https://example.org/\r\nX: 1", f"https://example.org/{'x' * 500}"],
)  # fmt: skip
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        check_url(url, PUBLIC_ONLY)


def test_what_the_operator_allows_is_taken() -> None:
    assert check_url("http://example.org/a?b=1", Reach(http=True)).path == "/a"
    assert check_url("https://10.0.0.1/", Reach(private=True)).hostname == "10.0.0.1"


def test_nothing_is_sent_to_a_private_address(receiver: Receiver) -> None:
    for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
        sent = post(url, b"{}", {}, reach=Reach(http=True))
        assert (sent.reason or "").startswith("refused")
    assert receiver.got == []


def check_rebinding(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is looked at and private a moment later."""
    answers = iter([["1.1.1.1"], ["127.0.0.1"], ["127.0.0.1"]])
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *_, **__: [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
        for one in (next(answers) if host == "hooks.example" else [host])
    ])  # fmt: skip
    called: list[str] = []

    def call(place: tuple[str, int], *_: Any) -> socket.socket:
        called.append(place[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", call)
    post("http://hooks.example:1/", b"{}", {}, reach=Reach(http=True))
    assert called == ["1.1.1.1"]


def test_the_address_that_was_checked_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_rebinding(receiver, monkeypatch)


def test_the_planted_fault_is_caught(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.worker.posting.find_address", lambda host, *_: host)
    with pytest.raises(AssertionError):
        check_rebinding(receiver, monkeypatch)


def make_certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called).issuer_name(called).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, plain)
    file = folder / "certificate.pem"
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize(("name", "trusted"), [
    ("hooks.example", True), ("hooks.example", False), ("other.example", True),
])  # fmt: skip
def test_over_tls_the_receiver_must_prove_to_be_the_host(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool
) -> None:
    file = make_certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    receiver.speak_tls(context)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setattr(webhook_address.socket, "getaddrinfo", lambda host, port, *_, **__: [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    ])  # fmt: skip
    url = receiver.url.replace("http://127.0.0.1", "https://hooks.example")
    sent = post(url, b"{}", {}, reach=HERE)
    well = trusted and name == "hooks.example"
    assert (sent.status == 200) == well == bool(receiver.got)
