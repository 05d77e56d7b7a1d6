"""File servers for the tests of transfers, updates and logs: HTTP from the standard library, as much of FTP as a client
needs, and a certificate for them; SFTP from asyncssh."""

import asyncio
import contextlib
import errno
import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Files:
    """What the servers hold and what was asked of them; a test sets how they misbehave."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.cut_after: list[int] = []  # bytes after which a download breaks off, one for each try
        self.status: dict[str, int] = {}  # method -> HTTP status
        self.redirect: dict[str, str] = {}
        self.login: tuple[str, str] | None = None
        self.headers: dict[str, str] = {}
        self.forgets_rest = False
        self.stalled = threading.Event()  # set: answers nothing more
        self.released = threading.Event()


class Http(http.server.BaseHTTPRequestHandler):
    files: Files

    def do_GET(self) -> None:
        files = self.files
        files.asked.append(f"GET {self.path}")
        if files.stalled.is_set():
            files.released.wait(20)
        if self.path in files.redirect:
            self._answer(302, b"", Location=files.redirect[self.path])
            return
        if self.path not in files.files:
            self._answer(404, b"")
            return
        data = files.files[self.path]
        start = 0
        if (asked := self.headers.get("Range")) is not None:
            files.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        rest = data[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        cut = files.cut_after.pop(0) if files.cut_after else len(rest)
        self.wfile.write(rest[:cut])
        self.close_connection = True

    def do_PUT(self) -> None:
        self._receive("PUT")

    def do_POST(self) -> None:
        self._receive("POST")

    def _receive(self, method: str) -> None:
        files = self.files
        files.asked.append(f"{method} {self.path}")
        if files.stalled.is_set():
            files.released.wait(20)
        files.headers = dict(self.headers.items())
        data = self.rfile.read(int(self.headers["Content-Length"]))
        status = files.status.get(method, 201)
        if status < 300:
            files.files[self.path] = data
        self._answer(status, b"")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


class Ftp(socketserver.StreamRequestHandler):
    """One control connection; data connections by EPSV or PASV. With `context` it speaks TLS after AUTH."""

    files: Files
    context: ssl.SSLContext | None = None

    def handle(self) -> None:
        self.rest = 0
        self.data: Any = None
        self.private = False
        self._say("220 ready")
        with contextlib.suppress(OSError, ValueError):
            while line := self.rfile.readline():
                word, _, rest = line.decode().strip().partition(" ")
                self.files.asked.append(f"{word} {rest}".strip())
                if word == "QUIT":
                    return
                getattr(self, f"do_{word.lower()}", self._unknown)(rest)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()

    def _unknown(self, _: str) -> None:
        self._say("502 not here")

    def do_auth(self, _: str) -> None:
        if self.context is None:
            self._say("502 no TLS")
            return
        self._say("234 go on")
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")

    def do_pbsz(self, _: str) -> None:
        self._say("200 ok")

    def do_prot(self, _: str) -> None:
        self.private = True
        self._say("200 ok")

    def do_user(self, name: str) -> None:
        self.name = name
        self._say("331 password?")

    def do_pass(self, password: str) -> None:
        good = self.files.login in (None, (self.name, password))
        self._say("230 welcome" if good else "530 go away")

    def do_type(self, _: str) -> None:
        self._say("200 ok")

    def do_noop(self, _: str) -> None:
        self._say("200 ok")

    def do_rest(self, where: str) -> None:
        self.rest = int(where)
        self.files.ranges.append(where)
        self._say("350 ok")

    def do_size(self, path: str) -> None:
        if "/" + path not in self.files.files:
            self._say("550 no such file")
            return
        self._say(f"213 {len(self.files.files['/' + path])}")

    def do_pasv(self, _: str) -> None:
        self.data = socket.create_server(("127.0.0.1", 0))
        port = self.data.getsockname()[1]
        self._say(f"227 here (10,255,255,1,{port // 256},{port % 256})")  # a wrong host, as behind a NAT

    def _accept(self) -> Any:
        connection, _ = self.data.accept()
        self.data.close()
        if self.private and self.context is not None:
            return self.context.wrap_socket(connection, server_side=True)
        return connection

    def do_retr(self, path: str) -> None:
        if "/" + path not in self.files.files:
            self._say("550 no such file")
            return
        self._say("150 here it comes")
        connection = self._accept()
        rest = self.files.files["/" + path][0 if self.files.forgets_rest else self.rest :]
        self.rest = 0
        cut = self.files.cut_after.pop(0) if self.files.cut_after else len(rest)
        connection.sendall(rest[:cut])
        if isinstance(connection, ssl.SSLSocket):
            connection = connection.unwrap()
        connection.close()
        self._say("226 done" if cut >= len(rest) else "426 broken off")

    def do_stor(self, path: str) -> None:
        self._store(path, b"")

    def do_appe(self, path: str) -> None:
        self._store(path, self.files.files["/" + path])

    def _store(self, path: str, data: bytes) -> None:
        self._say("150 go on")
        connection = self._accept()
        cut = self.files.cut_after.pop(0) if self.files.cut_after else None
        begun = len(data)
        while block := connection.recv(65_536):
            data += block
        connection.close()
        self.files.files["/" + path] = data if cut is None else data[: begun + cut]
        self._say("226 done" if cut is None else "426 broken off")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: Any) -> None: ...


@pytest.fixture
def files() -> Files:
    return Files()


Serve = Callable[..., int]


@pytest.fixture
def serve(files: Files) -> Iterator[Serve]:
    """Start a server ("http" or "ftp"), with TLS when given a context; its port."""
    running: list[Server] = []

    def start(kind: str = "http", context: ssl.SSLContext | None = None) -> int:
        base: Any = Http if kind == "http" else Ftp
        server = Server(("127.0.0.1", 0), type("Handler", (base,), {"files": files, "context": context}))
        if kind == "http" and context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        running.append(server)
        port: int = server.server_address[1]
        return port

    yield start
    files.released.set()
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server_pem(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "files")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path / "server.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + made.public_bytes(Encoding.PEM))
    return path


# --- SFTP -----------------------------------------------------------------------------------------------------------


class SftpServer:
    """One server for a folder, in a thread; a test sets how it misbehaves. Names are below the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.login = ("user", "secret")
        self.client_key = ""  # a public key that is let in, too
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.cut_after: list[int] = []  # bytes read or written after which the connection breaks off, for each try
        self.full = False  # no space is left for what is written
        self.moved: list[tuple[str, int]] = []  # "read" or "written" from which place
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._listener: Any = None
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def open(self) -> None:
        """At the port of before, if there was one."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    async def _open(self) -> None:
        self._listener = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=lambda: _Admission(self),
            server_host_keys=[self.host_key],
            sftp_factory=lambda channel: _Folder(channel, self),
            config=None,
        )
        self.port = self._listener.get_port()

    async def _close(self) -> None:
        self._listener.close()
        await self._listener.wait_closed()


class _Admission(asyncssh.SSHServer):
    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == self._server.login

    def public_key_auth_supported(self) -> bool:
        return bool(self._server.client_key)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key == asyncssh.import_public_key(self._server.client_key)


class _Folder(asyncssh.SFTPServer):
    def __init__(self, channel: Any, server: SftpServer) -> None:
        super().__init__(channel, chroot=str(server.folder).encode())
        self._server = server
        self._left = server.cut_after.pop(0) if server.cut_after else None
        self._channel_of = channel

    def read(self, file_obj: Any, offset: int, size: int) -> Any:
        self._server.moved.append(("read", offset))
        data = super().read(file_obj, offset, size)
        return self._pass(data) if isinstance(data, bytes) else data

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        if self._server.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._server.moved.append(("written", offset))
        return super().write(file_obj, offset, self._pass(data))

    def _pass(self, data: bytes) -> bytes:
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                self._channel_of.get_connection().abort()
                raise asyncssh.SFTPConnectionLost("broken off")
        return data


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpServer]:
    folder = tmp_path / "sftp"
    folder.mkdir()
    server = SftpServer(folder)
    server.open()
    yield server
    server.close()
