"""Certificates as a running station uses them: loaded, replaced, missing; the wire between socket and conversation."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from firmware.check import check
from firmware.config import V2gSettings
from firmware.station.authorization import Unreachable
from firmware.station.car_facts import CarTls, CertificateHealth
from firmware.station.clock import SystemClock
from firmware.station.contracts import OcspRequestData
from firmware.station.facts import AnyFact, SecurityEvent
from firmware.v2g.car_facts import CarFacts
from firmware.v2g.car_link import CarLink
from firmware.v2g.link_security import LinkSecurity
from firmware.v2g.pki.make_test import make_test
from firmware.v2g.pki.staples import MAX_AGE, RENEW_AFTER, Staples, Validity, queries_for
from firmware.v2g.pki.store import Finding, load
from firmware.v2g.recording.tap import NO_TAP
from firmware.v2g.server import CarConnection
from firmware.v2g.tls.key_log import MAX_BYTES, KeyLogFile
from firmware.v2g.tls.service import TlsService
from firmware.v2g.wire import Plain, Secure, WireFailed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "pki"
    make_test(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "pki"))


class Told:
    def __init__(self) -> None:
        self.times = 0
        self.findings: tuple[Finding, ...] = ()

    def __call__(self, findings: tuple[Finding, ...]) -> None:
        self.times += 1
        self.findings = findings


def test_certificates_are_loaded_once_and_again_when_they_change(folder: Path) -> None:
    async def main() -> None:
        told = Told()
        service = TlsService(folder, time.time, told)
        assert service.why_not
        assert await service.look()
        assert service.why_not == ""
        assert told.findings == ()
        assert not await service.look()
        first = service.channel()
        (folder / "secc/iso2.pem").unlink()
        assert await service.look()
        assert {each.name for each in service.channel()._contexts.installed.chains} == {"iso20", "iso20-ed448"}
        assert len(first._contexts.installed.chains) == 3  # a car keeps what it began with
        service.forget()
        assert await service.look()
        assert told.times == 3

    asyncio.run(main())


def test_a_folder_that_went_bad_costs_nobody_the_old_certificates(folder: Path) -> None:
    async def main() -> None:
        told = Told()
        service = TlsService(folder, time.time, told)
        await service.look()
        shutil.rmtree(folder / "secc")
        await service.look()
        assert service.why_not == ""
        assert service.channel() is not None
        texts = [str(each) for each in told.findings]
        assert any("the old certificates stay in use: no usable certificate chain" in text for text in texts), texts

    asyncio.run(main())


def test_without_certificates_it_says_why_not(tmp_path: Path) -> None:
    async def main() -> None:
        service = TlsService(tmp_path, time.time, Told())
        await service.look()
        assert "no usable certificate chain" in service.why_not
        with pytest.raises(ValueError, match="no usable certificate chain"):
            service.channel()

    asyncio.run(main())


# --- staples ----------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.x:M06.FR.06", "2.x:M06.FR.09")
def test_responses_are_fetched_kept_and_never_sent_when_old_or_foreign(folder: Path) -> None:
    now = datetime.now(UTC)
    installed = load(folder, now)
    chain = next(each for each in installed.chains if each.name == "iso2")
    query = next(queries_for(chain.chain, chain.root))
    assert (len(query.issuer_name_hash), len(query.issuer_key_hash)) == (64, 64)
    good = Staples(folder).file_of(chain.chain.leaf).read_bytes()
    other = Staples(folder).file_of(installed.chains[-1].chain.leaf).read_bytes()
    shutil.rmtree(folder / "ocsp")
    staples, asked = Staples(folder), []
    answers = iter((None, b"nonsense", other, good))

    async def fetch(request: OcspRequestData) -> bytes:
        asked.append(request)
        answer = next(answers)
        if answer is None:
            raise Unreachable("no back office")
        return answer

    async def main() -> None:
        for expected, wrong in ((b"", ""), (b"", "no OCSP response"), (b"", "another"), (good, ""), (good, "")):
            found = await staples.renew([query], fetch, now)
            assert staples.staple(chain.chain.leaf, now) == expected
            assert [wrong in each.text for each in found] == [True] * bool(wrong), found

    asyncio.run(main())
    assert asked == [query.request] * 4  # the fresh one is not asked for again
    assert staples.staple(chain.chain.leaf, now + MAX_AGE * 1.01) == b""  # [V2G2-649]
    assert "more than 7 days ago" in staples.state(chain.chain.leaf, now + MAX_AGE * 1.01)
    again = Staples(folder)
    again.load([chain.chain.leaf])
    assert again.staple(chain.chain.leaf, now) == good


@pytest.mark.parametrize(
    ("lives", "due_after"),
    [(None, timedelta(days=3)), (timedelta(days=30), timedelta(days=3)), (timedelta(hours=24), timedelta(hours=12))],
)
def test_a_response_is_due_long_before_it_may_not_be_sent(lives: timedelta | None, due_after: timedelta) -> None:
    made = datetime(2026, 5, 1, tzinfo=UTC)
    validity = Validity(made, made + lives if lives is not None else None)
    assert validity.renew_at == made + due_after


class Source:
    """A back office that answers GetCertificateStatus, once it is asked to be there."""

    def __init__(self, responses: dict[str, bytes]) -> None:
        self.responses = responses  # by serial number
        self.asked: list[str] = []
        self.there = False

    async def get_certificate_status(self, request: OcspRequestData) -> bytes:
        self.asked.append(request.serial_number)
        if not self.there:
            raise Unreachable("no back office")
        return self.responses[request.serial_number]


def certificates_of(folder: Path) -> list[x509.Certificate]:
    """Of our own chains: leaves and sub CAs."""
    chains = load(folder, datetime.now(UTC)).chains
    return [certificate for each in chains for certificate in each.chain.certificates]


@pytest.mark.ocpp("2.x:M06.FR.06", "2.x:M06.FR.07", "2.x:M06.FR.10")
def test_the_station_asks_its_back_office_about_leaves_and_sub_cas(folder: Path, tmp_path: Path) -> None:
    make_test(tmp_path / "new")
    responses = {
        f"{each.serial_number:x}": Staples(place).file_of(each).read_bytes()
        for place in (folder, tmp_path / "new")
        for each in certificates_of(place)
    }
    mine = {f"{each.serial_number:x}" for each in certificates_of(folder)}
    shutil.rmtree(folder / "ocsp")
    source = Source(responses)

    async def main() -> None:
        desk: Any = Desk()
        desk.certificate_status = source
        desk.clock = clock = Ahead()
        settings = V2gSettings(evse=1, interface="no-such-if", tls="allow", pki=str(folder))
        security = LinkSecurity(settings, desk, CarFacts(desk, 1))
        security.start(NO_TAP)
        loop = asyncio.get_running_loop()
        began = loop.time()
        ahead = [0.0]
        loop.time = lambda began=began: began + ahead[0]  # type: ignore[method-assign, misc]

        async def looks(seconds: float) -> list[str]:
            """What is asked after this time."""
            source.asked.clear()
            ahead[0] += seconds
            await security.look()
            for _ in range(20):
                await asyncio.sleep(0)
            return sorted(source.asked)

        assert await looks(0.0) == sorted(mine)  # with the certificates, at once
        assert len(mine) == 9  # three chains with two sub CAs
        assert await looks(10.0) == []  # no hurry after a refusal
        source.there = True
        assert await looks(300.0) == sorted(mine)
        assert all(Staples(folder).file_of(each).exists() for each in certificates_of(folder))
        assert await looks(310.0) == []  # fresh ones are left alone
        new = {f"{each.serial_number:x}" for each in certificates_of(tmp_path / "new")}
        for path in (*(tmp_path / "new" / "secc").iterdir(), *(tmp_path / "new" / "roots" / "v2g").iterdir()):
            shutil.copy(path, folder / path.relative_to(tmp_path / "new"))
        assert await looks(10.0) == sorted(new)  # our certificates were renewed: at once
        clock.ahead = (RENEW_AFTER + timedelta(minutes=1)).total_seconds()
        assert await looks(310.0) == sorted(new)  # twice a week
        security.close()

    asyncio.run(main())


class Ahead(SystemClock):
    """The clock some days from now."""

    ahead = 0.0

    def utc(self) -> float:
        return super().utc() + self.ahead


# --- wires ------------------------------------------------------------------------------------------------------------


def never() -> Any:
    raise AssertionError("no TLS was to begin")


def test_the_first_byte_decides_and_force_serves_nobody_in_clear() -> None:
    wire = Secure(never, plain_too=True)
    assert not wire.open
    assert wire.receive(b"") == b""
    assert wire.receive(b"\x01\xfe") == b"\x01\xfe"
    assert wire.open
    wire.send(b"answer")
    assert wire.take() == b"answer"
    assert wire.take() == b""
    strict = Secure(never, plain_too=False)
    with pytest.raises(WireFailed, match="speaks without TLS"):
        strict.receive(b"\x01\xfe")
    assert not strict.open
    assert Plain().open


def test_a_car_that_never_shakes_hands_is_let_go() -> None:
    async def main() -> None:
        ends: list[str] = []
        over = asyncio.Event()

        def ended(ending: Any) -> None:
            ends.append(ending.reason)
            over.set()

        def begin(wire: Any, now: float) -> Any:
            raise AssertionError("a session began")

        here, there = socket.socketpair()
        here.setblocking(False)
        connection = CarConnection(begin, lambda said: None, ended, Secure(never, plain_too=True), handshake_s=0.05)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, here)
        await asyncio.wait_for(over.wait(), 20)
        assert ends == ["no TLS handshake within 0.05 s"]
        assert there.recv(10) == b""
        there.close()
        connection.abort()

    asyncio.run(main())


# --- the car link -----------------------------------------------------------------------------------------------------


class Desk:
    def __init__(self) -> None:
        self.clock = SystemClock()
        self.certificate_status = None
        self.facts: list[AnyFact] = []

    def emit(self, fact: AnyFact) -> None:
        self.facts.append(fact)


def test_findings_and_the_key_log_are_facts(folder: Path, tmp_path: Path, make_bay: Any) -> None:
    (folder / "secc/iso20.key").chmod(0o644)

    async def main() -> list[AnyFact]:
        desk: Any = Desk()
        settings = V2gSettings(
            evse=1, interface="no-such-if", tls="allow", pki=str(folder), tls_key_log=str(tmp_path / "secrets")
        )
        evse = make_bay()
        evse.id, evse.operative, evse.plugged, evse.transaction_id = 1, True, False, None
        evse.set_digital = lambda wish: None
        evse.changed = type("Silent", (), {"subscribe": lambda self, callback: lambda: None})()
        link = CarLink(desk, evse, settings)
        task = asyncio.create_task(link.run())
        for _ in range(500):
            if any(isinstance(fact, CertificateHealth) for fact in desk.facts):
                break
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        facts: list[AnyFact] = desk.facts
        return facts

    facts = asyncio.run(main())
    event = next(fact for fact in facts if isinstance(fact, SecurityEvent))
    assert (event.kind, event.critical) == ("ReconfigurationOfSecurityParameters", True)
    assert "TLS secrets of cars at EVSE 1" in event.tech_info
    (health,) = (fact for fact in facts if isinstance(fact, CertificateHealth))
    assert (health.severity, health.where) == ("fault", "secc/iso20.pem")
    assert "mode 0644" in health.text
    assert not any(isinstance(fact, CarTls) for fact in facts)


def test_the_key_log_is_private_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    log = KeyLogFile(path)
    log.add(b"CLIENT_RANDOM 00 11")
    assert path.read_bytes() == b"CLIENT_RANDOM 00 11\n"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(bytes(MAX_BYTES + 1))
    log.add(b"next")
    assert path.read_bytes() == b"next\n"
    KeyLogFile(tmp_path / "no/such/folder").add(b"lost")  # costs the log, not the session


UNDER_MDWE = """
import ctypes, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
from firmware.v2g.pki.staples import Staples
from firmware.v2g.pki.store import load
from firmware.v2g.tls.contexts import Contexts
folder = Path(sys.argv[1])
contexts = Contexts(load(folder, datetime.now(UTC)), Staples(folder), time.time, key_log=print)
print(contexts.lacking)
"""


def test_a_process_that_may_not_make_code_serves_tls_and_says_what_is_lacking(folder: Path) -> None:
    """systemd's MemoryDenyWriteExecute, by the kernel's own switch (Linux 6.3)."""
    command = [sys.executable, "-c", UNDER_MDWE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert done.stdout == "('OCSP staple', 'key log')\n", done.stderr


def test_check_says_what_stands_in_the_way_of_tls(folder: Path, tmp_path: Path) -> None:
    station = tmp_path / "station.toml"
    keys = f'[[v2g]]\nevse = 1\ninterface = "lo"\ntls = "allow"\npki = "{folder}"\n'
    station.write_text(f'[authorization]\nmode = "free"\n\n[[evse]]\nid = 1\n\n{keys}')
    assert check(None, station) == []
    (folder / "secc/iso2.key").unlink()
    (fault,) = check(None, station)
    assert "[[v2g]] no. 1 pki: secc/iso2.pem: its key iso2.key cannot be read" in str(fault)
    assert "pilotline pki show" in str(fault)


def test_without_tls_no_tls_library_is_loaded() -> None:
    code = "import json, sys, firmware.main, firmware.v2g.car_link; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"OpenSSL", "cryptography", "firmware.v2g.tls", "firmware.v2g.pki"} & set(json.loads(done.stdout))
