"""Where a file is, as a back office writes it, and whether we go there.

A back office may name any server, so a stolen one could have us knock at what only we can reach: no addresses of this
machine or link, and none that is more private than the back office's own.
"""

import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

Scheme = Literal["http", "https", "ftp", "ftps", "sftp"]
PORTS: Final[dict[str, int]] = {"http": 80, "https": 443, "ftp": 21, "ftps": 21, "sftp": 22}
MAX_URL: Final = 2000

Failure = Literal["failed", "denied", "bad_address", "unsupported", "cancelled"]


class TransferError(Exception):
    """A file that did not arrive; `kind` says whose fault it is, the text tells people. `again`: worth another try;
    `event`: a security event to be told."""

    def __init__(self, kind: Failure, text: str, *, again: bool = False, event: str = "") -> None:
        super().__init__(text)
        self.kind: Failure = kind
        self.again = again
        self.event = event


@dataclass(frozen=True)
class Address:
    scheme: Scheme
    host: str
    port: int
    path: str  # with the query; begins with "/"
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def tls(self) -> bool:
        return self.scheme in {"https", "ftps"}

    @property
    def name(self) -> str:
        """The file's name, "" where the address ends with a folder."""
        return unquote(self.path.partition("?")[0].rpartition("/")[2])

    @property
    def decoded_path(self) -> str:
        """Raises TransferError: to FTP a line feed in it would be a command of its own."""
        path = unquote(self.path)
        if any(letter in path for letter in "\r\n\0"):
            raise TransferError("bad_address", "the path holds control characters")
        return path

    def __str__(self) -> str:
        """Without its secrets."""
        return f"{self.scheme}://{self.host}:{self.port}{self.path.partition('?')[0]}"


def parse(url: str) -> Address:
    """Raises TransferError (bad_address, unsupported)."""
    if len(url) > MAX_URL or any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in url):
        raise TransferError("bad_address", "the address holds blanks or control characters, or is too long")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TransferError("bad_address", f"no address: {error}") from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS:
        raise TransferError("unsupported", f"{scheme[:20] or 'no scheme'}: only {', '.join(PORTS)} are supported")
    if not host:
        raise TransferError("bad_address", "the address names no host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(
        scheme,  # type: ignore[arg-type]  # it is a key of PORTS
        host,
        port or PORTS[scheme],
        path,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


# --- which addresses we go to ---------------------------------------------------------------------------------------

PUBLIC, PRIVATE, OURSELVES = range(3)


def privacy(ip: str) -> int:
    """How private an address is: on the internet, in a private network, or this machine. Raises TransferError for one
    that nobody's file server has (link-local, where clouds keep secrets; multicast; unspecified)."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped if mapped is not None else address
    if address.is_loopback:
        return OURSELVES
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        raise TransferError("denied", f"no file server has the address {ip}")
    return PRIVATE if address.is_private else PUBLIC


def resolve(host: str, port: int, allowed: int = PUBLIC) -> str:
    """An IP address of the host, none more private than `allowed`. Blocks. Raises TransferError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TransferError("failed", f"{host} is not known: {error}", again=True) from None
    ip = str(found[0][4][0])
    if privacy(ip) > allowed:
        raise TransferError("denied", f"{host} is {ip}, an address that the back office has no business with")
    return ip


def privacy_of(host: str) -> int:
    """How private a host is that we talk to anyway: the back office. Blocks. PUBLIC where it is not known."""
    try:
        return privacy(str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]))
    except (OSError, UnicodeError, TransferError):
        return PUBLIC
