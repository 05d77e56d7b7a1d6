"""Where a back office may send us, and where not."""

import pytest

from firmware.transfer.address import OURSELVES, PRIVATE, PUBLIC, TransferError, parse, privacy, resolve


def test_an_address_is_read_with_its_login() -> None:
    address = parse("ftps://john%40x:p%2Fw@files.example:2121/fw/image.bin")
    assert (address.scheme, address.host, address.port) == ("ftps", "files.example", 2121)
    assert (address.user, address.password, address.name) == ("john@x", "p/w", "image.bin")
    assert "p/w" not in f"{address} {address!r}"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x/", "scp://x/y", "/etc/passwd", "javascript:1"])
def test_other_schemes_are_not_supported(url: str) -> None:
    with pytest.raises(TransferError) as refused:
        parse(url)
    assert refused.value.kind == "unsupported"


@pytest.mark.parametrize("url", ["http://", "http://x:99999/", "http://x/a b", "http://x/\r\nHost: y", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(TransferError) as refused:
        parse(url)
    assert refused.value.kind == "bad_address"


@pytest.mark.parametrize(
    ("ip", "how"),
    [("93.184.216.34", PUBLIC), ("192.168.1.1", PRIVATE), ("10.0.0.1", PRIVATE), ("fd00::1", PRIVATE),
     ("127.0.0.1", OURSELVES), ("::1", OURSELVES), ("::ffff:127.0.0.1", OURSELVES), ("2606:2800:220:1::1", PUBLIC)],
)  # fmt: skip
def test_how_private_an_address_is(ip: str, how: int) -> None:
    assert privacy(ip) == how


@pytest.mark.parametrize("ip", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254"])  # noqa: S104
def test_some_addresses_are_nobodys_file_server(ip: str) -> None:
    with pytest.raises(TransferError) as refused:
        privacy(ip)
    assert refused.value.kind == "denied"


def test_no_address_more_private_than_the_back_offices_own() -> None:
    assert resolve("127.0.0.1", 80, OURSELVES) == "127.0.0.1"
    for host, allowed in (("127.0.0.1", PRIVATE), ("192.168.1.1", PUBLIC), ("localhost", PUBLIC)):
        with pytest.raises(TransferError) as refused:
            resolve(host, 80, allowed)
        assert refused.value.kind == "denied"
