"""The -2 message order: what the scripts really accept, found by trying, against the standard's tables by hand.

Every prefix of good sessions is followed by every request, by silence and by a disconnect; what is accepted after
which answer gives a table, compared with the one of ISO 15118-2 for a station without contracts (see contract/).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g.evse_link import Session
from firmware.v2g.messages import iso2

EVERY_REQUEST: Final = (
    "SessionSetup",
    "ServiceDiscovery",
    "ServiceDetail",
    "PaymentServiceSelection",
    "PaymentDetails",
    "Authorization",
    "ChargeParameterDiscovery",
    "PowerDelivery Start",
    "PowerDelivery Stop",
    "PowerDelivery Renegotiate",
    "ChargingStatus",
    "MeteringReceipt",
    "SessionStop Terminate",
    "SessionStop Pause",
    "CertificateInstallation",
    "CertificateUpdate",
    "CableCheck",
    "PreCharge",
    "CurrentDemand",
    "WeldingDetection",
)
CPD: Final = "ChargeParameterDiscovery"
STOP: Final = {"SessionStop Terminate", "SessionStop Pause"}


@dataclass(frozen=True)
class Book:
    """The order of one kind of session. `table`: "X" = after our answer to X; `lenient`: what is accepted beyond the
    standard; `sessions`: good ones that visit the states, as (state after the answer, request)."""

    energy: str
    table: dict[str, set[str]]
    lenient: dict[str, set[str]]
    sessions: tuple[tuple[tuple[str, str], ...], ...]


# A recorded VW stops before its first request of the loop. Refusing it protects nobody: it opens the contactor.
LENIENT: Final[dict[str, set[str]]] = {"PowerDelivery Start": STOP, "PowerDelivery Start again": STOP}

# ISO 15118-2 clause 8.8 and the state tables of its Annex, restricted to external payment (contracts, certificates and
# receipts are refused by order).
SETUP: Final[dict[str, set[str]]] = {
    "SupportedAppProtocol": {"SessionSetup"},
    "SessionSetup": {"ServiceDiscovery"} | STOP,
    "ServiceDiscovery": {"ServiceDetail", "PaymentServiceSelection"} | STOP,
    "ServiceDetail": {"ServiceDetail", "PaymentServiceSelection"} | STOP,
    "PaymentServiceSelection": {"Authorization"} | STOP,
    "Authorization Ongoing": {"Authorization"} | STOP,
    "Authorization": {"ChargeParameterDiscovery"} | STOP,
    "ChargeParameterDiscovery Ongoing": {"ChargeParameterDiscovery"} | STOP,
}
SET_UP: Final = tuple((state, state.removesuffix(" Ongoing")) for state in SETUP)
SHORT: Final = tuple((state, state) for state in SETUP if not state.endswith(("Ongoing", "Detail")))

AC: Final = Book(
    "AC",
    table={
        **SETUP,
        "ChargeParameterDiscovery": {"PowerDelivery Start", "PowerDelivery Stop"} | STOP,
        "PowerDelivery Start": {"ChargingStatus"},
        "ChargingStatus": {"ChargingStatus", "PowerDelivery Stop", "PowerDelivery Renegotiate"},
        "PowerDelivery Renegotiate": {"ChargeParameterDiscovery"},
        "ChargeParameterDiscovery renegotiated": {"PowerDelivery Start", "PowerDelivery Stop"} | STOP,
        "PowerDelivery Start again": {"ChargingStatus"},
        "PowerDelivery Stop": STOP,
    },
    lenient=LENIENT,
    sessions=(
        (
            *SET_UP,
            ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
            ("PowerDelivery Start", "PowerDelivery Start"),
            ("ChargingStatus", "ChargingStatus"),
            ("PowerDelivery Renegotiate", "PowerDelivery Renegotiate"),
            ("ChargeParameterDiscovery renegotiated", "ChargeParameterDiscovery"),
            ("PowerDelivery Start again", "PowerDelivery Start"),
            ("ChargingStatus", "ChargingStatus"),
            ("PowerDelivery Stop", "PowerDelivery Stop"),
        ),
        (
            *SHORT,
            ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
            ("PowerDelivery Stop", "PowerDelivery Stop"),
        ),
    ),
)

DC: Final = Book(
    "DC",
    table={
        **SETUP,
        "ChargeParameterDiscovery": {"CableCheck", "PowerDelivery Stop"} | STOP,
        "CableCheck Ongoing": {"CableCheck"} | STOP,
        "CableCheck": {"PreCharge"} | STOP,
        "PreCharge": {"PreCharge", "PowerDelivery Start", "PowerDelivery Stop"} | STOP,
        "PowerDelivery Start": {"CurrentDemand"},
        "CurrentDemand": {"CurrentDemand", "PowerDelivery Stop", "PowerDelivery Renegotiate"},
        "PowerDelivery Renegotiate": {"ChargeParameterDiscovery"},
        "ChargeParameterDiscovery renegotiated": {"CableCheck", "PowerDelivery Stop"} | STOP,
        "PowerDelivery Start again": {"CurrentDemand"},
        "PowerDelivery Stop": {"WeldingDetection"} | STOP,
        "WeldingDetection": {"WeldingDetection"} | STOP,
    },
    lenient=LENIENT,
    sessions=(
        (
            *SET_UP,
            ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
            ("CableCheck Ongoing", "CableCheck"),
            ("CableCheck", "CableCheck"),
            ("PreCharge", "PreCharge"),
            ("PreCharge", "PreCharge"),
            ("PowerDelivery Start", "PowerDelivery Start"),
            ("CurrentDemand", "CurrentDemand"),
            ("PowerDelivery Renegotiate", "PowerDelivery Renegotiate"),
            ("ChargeParameterDiscovery renegotiated", "ChargeParameterDiscovery"),
            ("CableCheck", "CableCheck"),
            ("PreCharge", "PreCharge"),
            ("PowerDelivery Start again", "PowerDelivery Start"),
            ("CurrentDemand", "CurrentDemand"),
            ("PowerDelivery Stop", "PowerDelivery Stop"),
            ("WeldingDetection", "WeldingDetection"),
            ("WeldingDetection", "WeldingDetection"),
        ),
        (
            *SHORT,
            ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
            ("PowerDelivery Stop", "PowerDelivery Stop"),
        ),
        (
            *SHORT,
            ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
            ("CableCheck", "CableCheck"),
            ("PreCharge", "PreCharge"),
            ("PowerDelivery Stop", "PowerDelivery Stop"),
        ),
    ),
)


@dataclass(frozen=True)
class Prefix:
    """The first steps of a good session."""

    book: Book
    steps: tuple[tuple[str, str], ...]

    @property
    def state(self) -> str:
        return self.steps[-1][0]


def prefixes(book: Book) -> list[Prefix]:
    """Every different one."""
    found = {each[:length] for each in book.sessions for length in range(1, len(each) + 1)}
    return [Prefix(book, steps) for steps in sorted(found, key=lambda steps: (len(steps), steps))]


PREFIXES: Final = [*prefixes(AC), *prefixes(DC)]


def describe(prefix: Prefix) -> str:
    return f"{prefix.book.energy} {len(prefix.steps)} {prefix.state}"


@pytest.fixture
def request_in(request_named: Any) -> Callable[[Book, str], Any]:
    """A good request by its name, in this kind of session."""

    def make(book: Book, name: str) -> Any:
        return request_named("ChargeParameterDiscovery DC" if (book.energy, name) == ("DC", CPD) else name)

    return make


@pytest.fixture
def at(make_rig: Any, make_bay: Any, make_dc_bay: Any, request_in: Any) -> Callable[[Prefix], Any]:
    """A rig brought to the state after a prefix."""

    def reach(prefix: Prefix) -> Any:
        bay = make_dc_bay(level="C") if prefix.book.energy == "DC" else make_bay(level="C")
        rig, full = make_rig(bay), bay.limit
        for state, name in prefix.steps:
            ongoing = state.endswith("Ongoing")
            rig.see(id_token=None if ongoing and name == "Authorization" else IdToken("04A1B2C3"))
            rig.see(limit=Limit(0.0, "csms") if ongoing and name == CPD else full)
            rig.see(level="B" if ongoing and name == "CableCheck" else "C")  # the test begins with the closing
            bay.follow(rig.car.wish)
            [answer] = rig.ask(request_in(prefix.book, name))
            assert str(answer.response_code).startswith("OK"), (state, answer)
        rig.see(id_token=IdToken("04A1B2C3"), limit=full)
        return rig

    return reach


def accepted_after(prefix: Prefix, at: Any, request_in: Any) -> set[str]:
    """The requests that are not answered with a sequence error; every other one must end the session safely."""
    accepted = set()
    for name in EVERY_REQUEST:
        rig, request = at(prefix), request_in(prefix.book, name)
        [answer] = rig.ask(request)
        assert type(answer) is type(request).answered_by
        if answer.response_code != iso2.ResponseCode.FAILED_SequenceError:
            accepted.add(name)
            continue
        assert rig.ended is not None, name
        assert rig.ended.outcome is Session.FAILED
        assert not rig.car.wish.energise
    return accepted


@pytest.mark.parametrize("prefix", PREFIXES, ids=describe)
def test_the_script_accepts_what_the_table_says(prefix: Prefix, at: Any, request_in: Any) -> None:
    book = prefix.book
    expected = book.table[prefix.state] | book.lenient.get(prefix.state, set())
    assert accepted_after(prefix, at, request_in) == expected


@pytest.mark.parametrize("book", [AC, DC], ids=lambda book: book.energy)
def test_the_sessions_visit_every_row_of_the_table(book: Book) -> None:
    assert {state for prefix in prefixes(book) for state, _ in prefix.steps} == set(book.table)


@pytest.mark.parametrize("prefix", PREFIXES, ids=describe)
def test_silence_ends_the_session_after_60_seconds_without_a_word(prefix: Prefix, at: Any) -> None:
    rig = at(prefix)
    assert rig.wait(59.9) == []
    assert not rig.ended
    assert rig.wait(0.2) == []  # [V2G2-443]: closed, nothing said
    assert rig.ended.outcome is Session.FAILED
    assert "sent nothing" in rig.ended.reason
    assert not rig.car.wish.energise


@pytest.mark.parametrize("prefix", PREFIXES, ids=describe)
def test_a_disconnect_ends_the_session_at_once(prefix: Prefix, at: Any) -> None:
    rig = at(prefix)
    rig.talk.lost("cable cut", rig.now)
    assert rig.ended.outcome is Session.FAILED
    assert "cable cut" in rig.ended.reason
    assert not rig.car.wish.energise
    assert rig.heard() == []


@pytest.mark.parametrize("prefix", PREFIXES, ids=describe)
def test_a_foreign_session_id_is_refused_everywhere(prefix: Prefix, at: Any, request_in: Any) -> None:
    rig = at(prefix)
    if not any(rig.session_id):
        return  # before SessionSetup there is none
    [answer] = rig.ask(request_in(prefix.book, "SessionStop Terminate"), session_id=b"\x01" * 8)
    assert answer.response_code == iso2.ResponseCode.FAILED_UnknownSession
    assert rig.ended.outcome is Session.FAILED
    assert not rig.car.wish.energise


def test_what_is_sent_while_an_answer_waits_is_heard_after_it(at: Any, request_named: Any) -> None:
    rig = at(Prefix(AC, AC.sessions[0][:9]))
    rig.bay.obedient = False
    assert rig.ask(request_named("PowerDelivery Start")) == []
    assert rig.ask(request_named("ChargingStatus")) == []  # the car does not wait for its answer
    first, second = rig.see(closed=True)
    assert isinstance(first, iso2.PowerDeliveryRes)
    assert isinstance(second, iso2.ChargingStatusRes)


def test_silence_before_the_first_word_ends_with_communication_setup(rig: Any) -> None:
    rig.wait(17.9)
    assert not rig.ended
    rig.wait(0.2)
    assert rig.ended.outcome is Session.FAILED
