"""HTTP and HTTPS: fetch a file, going on where an earlier try stopped, and send one. Blocks: see `job`.

A redirect is followed three times, never from HTTPS to HTTP, each time with the address checked anew.
"""

import base64
import http.client
import os
import socket
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from firmware.transfer.address import Address, TransferError, parse
from firmware.transfer.job import BLOCK, Job

REDIRECTS: Final = 3
MOVED: Final = {301, 302, 303, 307, 308}


def fetch(address: Address, into: Path, job: Job, limit: int) -> None:
    """Write the file to `into`; what is there already is taken as its beginning. Raises TransferError."""
    context = job.trust.context() if address.tls else None
    for _ in range(REDIRECTS + 1):
        have = into.stat().st_size if into.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        connection = _open(address, job, context)
        try:
            response = _ask(connection, "GET", address, headers)
            if response.status in MOVED:
                address = _moved(address, response)
                context = context or (job.trust.context() if address.tls else None)
                continue
            if response.status == 416 and have:  # it changed, or we have all of it: begin anew
                into.unlink()
                continue
            _expect(response.status, {200, 206})
            _store(response, into, job, limit, append=response.status == 206)
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(error, job) from None
        finally:
            connection.close()
    raise TransferError("failed", f"{address} is redirected in circles")


def _store(response: http.client.HTTPResponse, into: Path, job: Job, limit: int, *, append: bool) -> None:
    have = into.stat().st_size if append else 0
    if append and not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
        raise TransferError("failed", "the server goes on at another place", again=True)
    announced = response.length
    with into.open("ab" if append else "wb") as file:
        while block := response.read(BLOCK):
            job.check()
            have += len(block)
            if have > limit:
                raise TransferError("failed", f"the file is larger than {limit} bytes")
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if announced is not None and response.length not in (0, None):
        raise TransferError("failed", "the connection ended within the file", again=True)


def send(address: Address, data: Path, name: str, job: Job) -> None:
    """PUT the file at the address, or below it where that ends with a folder; POST where the server knows no PUT
    (N01.FR.18, FR.19). Raises TransferError."""
    context = job.trust.context() if address.tls else None
    target = Address(**{**address.__dict__, "path": address.path + name}) if address.path.endswith("/") else address
    for method, place in (("PUT", target), ("POST", address)):
        connection = _open(place, job, context)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'form-data; name="uploadfile"; filename="{name}"',
            "Content-Length": str(data.stat().st_size),
        }
        try:
            connection.putrequest(method, place.path)
            for key, value in {**headers, **_authorization(place)}.items():
                connection.putheader(key, value)
            connection.endheaders()
            with data.open("rb") as file:
                while block := file.read(BLOCK):
                    job.check()
                    connection.send(block)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(error, job) from None
        finally:
            connection.close()
        if method == "PUT" and status in {404, 405, 501}:
            continue
        _expect(status, set(range(200, 300)))
        return


def _open(address: Address, job: Job, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """A connection over a socket whose address was checked. Raises TransferError."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=job.stall_s)
    try:
        plain: socket.socket = job.connect(address.host, address.port)
        connection.sock = context.wrap_socket(plain, server_hostname=address.host) if context is not None else plain
        job.use(connection.sock)
    except ssl.SSLCertVerificationError as error:
        raise TransferError("denied", f"{address.host}: {error.verify_message}") from None
    except OSError as error:
        raise _failed(error, job) from None
    return connection


def _ask(
    connection: http.client.HTTPConnection, method: str, address: Address, headers: dict[str, str]
) -> http.client.HTTPResponse:
    connection.request(
        method, address.path, headers={**headers, **_authorization(address), "Accept-Encoding": "identity"}
    )
    return connection.getresponse()


def _authorization(address: Address) -> dict[str, str]:
    if not address.user:
        return {}
    credentials = base64.b64encode(f"{address.user}:{address.password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def _moved(address: Address, response: http.client.HTTPResponse) -> Address:
    target = parse(
        urljoin(f"{address.scheme}://{address.host}:{address.port}{address.path}", response.headers.get("Location", ""))
    )
    if address.tls and not target.tls:
        raise TransferError("denied", f"{address} leads to {target}, which is not secured")
    if target.scheme not in {"http", "https"}:
        raise TransferError("unsupported", f"{address} leads to {target}")
    return target


def _expect(status: int, wanted: set[int]) -> None:
    if status in wanted:
        return
    if status in {401, 403, 407}:
        raise TransferError("denied", f"the server refuses: HTTP {status}", again=True)
    if status in {405, 501}:
        raise TransferError("unsupported", f"the server knows no such request: HTTP {status}", again=True)
    if status in {400, 411, 415, 422}:
        raise TransferError("bad_address", f"the server does not understand: HTTP {status}", again=True)
    raise TransferError("failed", f"HTTP {status}", again=True)


def _failed(error: Exception, job: Job) -> TransferError:
    job.check()
    return TransferError("failed", f"{type(error).__name__}: {error}"[:200], again=True)
