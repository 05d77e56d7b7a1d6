"""Single requests recorded from cars and testers: each is answered by a station that a recorded session has brought to
where it is allowed. The way there is that session's requests up to the first of the same kind.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from firmware.station.limits import Limit
from firmware.v2g import exi
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import Request

SAMPLES: Final = Path(__file__).parents[3] / "samples" / "sessions" / "requests.jsonl"
LINES: Final = SAMPLES.read_text(encoding="utf-8").splitlines()
DC_ONLY: Final = (iso2.CableCheckReq, iso2.PreChargeReq, iso2.CurrentDemandReq, iso2.WeldingDetectionReq)
AC_MOST_W: Final = 22_080.0

WAY: Final = {
    ("din", "dc"): "din-dc-ioniq-alpitronic-hyc150",
    ("iso2", "dc"): "iso2-dc-everest-station",
    ("iso2", "ac"): "iso2-renegotiation-josev-station",
}
# Without a contract these have no place: the tests of contracts answer them.
OF_CONTRACTS: Final = (iso2.CertificateInstallationReq, iso2.MeteringReceiptReq)


def read(line: str) -> tuple[str, Any]:
    record = json.loads(line)
    message: Any = exi.decode(bytes.fromhex(record["exi"]), record["schema"])
    return record["schema"], message.body


def energy_of(request: Request) -> str:
    if not isinstance(request, iso2.Request) or isinstance(request, DC_ONLY):
        return "dc"
    if isinstance(request, iso2.ChargeParameterDiscoveryReq):
        return "dc" if request.requested_energy_transfer_mode.value.startswith("DC") else "ac"
    profile = request.charging_profile or () if isinstance(request, iso2.PowerDeliveryReq) else ()
    return "dc" if any(float(each.charging_profile_entry_max_power) > AC_MOST_W for each in profile) else "ac"


def kind(request: Request) -> object:
    """What its place in the order depends on."""
    if isinstance(request, iso2.PowerDeliveryReq):
        return request.charge_progress
    return (type(request), getattr(request, "ready_to_charge_state", None))


def name_of(line: str) -> str:
    record = json.loads(line)
    return f"{record['schema']} {record['message']} {record['source'].rsplit('/', maxsplit=1)[-1]}"


@pytest.fixture
def brought_to(recording: Any, replay: Any, make_recorded_rig: Any) -> Any:
    """A rig where a request like this one may come next."""

    def bring(schema: str, request: Request) -> Any:
        way = recording(WAY[schema, energy_of(request)])
        kinds = [kind(each.request) for each in way.exchanges]
        rig = make_recorded_rig(way)
        upto = kinds.index(kind(request))
        limit = Limit(32.0 if way.energy == "ac" else 500.0, "hardware")
        for _ in replay(rig, type(way)(way.name, way.energy, way.exchanges[:upto]), limit=limit):
            pass
        rig.see(level="C", insulation_test="passed", limit=limit)
        return rig

    return bring


def test_there_are_requests() -> None:
    assert len(LINES) == 84


@pytest.mark.parametrize("line", LINES, ids=name_of)
def test_a_recorded_request_is_answered_where_it_is_allowed(line: str, brought_to: Any) -> None:
    schema, request = read(line)
    if isinstance(request, OF_CONTRACTS):
        return
    rig = brought_to(schema, request)
    [answer] = rig.ask(request)
    assert type(answer) is type(request).answered_by
    contract = isinstance(request, iso2.PaymentServiceSelectionReq) and request.selected_payment_option == "Contract"
    expected = "FAILED_PaymentSelectionInvalid" if contract else "OK"  # contracts are not offered on plain TCP
    assert str(answer.response_code).startswith(expected), answer
