"""The -2 order of messages with a contract, and with receipts: found by trying, against the table by hand."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from firmware.v2g.evse_link import Session
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace

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
STOP: Final = {"SessionStop Terminate", "SessionStop Pause"}

# ISO 15118-2 clause 8.8 and the state tables of its Annex, where they differ from external payment.
TABLE: Final[dict[str, set[str]]] = {
    "PaymentServiceSelection": {"PaymentDetails", "CertificateInstallation", "CertificateUpdate"} | STOP,
    "CertificateInstallation": {"PaymentDetails"} | STOP,  # here after FAILED
    "CertificateUpdate": {"PaymentDetails"} | STOP,
    "PaymentDetails": {"Authorization"} | STOP,
    "Authorization Ongoing": {"Authorization"} | STOP,
    "Authorization": {"ChargeParameterDiscovery"} | STOP,
    "ChargingStatus, receipt required": {"MeteringReceipt"},
    "MeteringReceipt": {"ChargingStatus", "PowerDelivery Stop", "PowerDelivery Renegotiate"},
}


@pytest.fixture
def reach(contract_rig: Any, receipt_rig: Any, request_named: Any) -> Callable[[str], Any]:
    """A rig brought to a state of the table; each call begins anew."""

    def go(state: str) -> Any:
        rig = receipt_rig if "receipt" in state or state == "MeteringReceipt" else contract_rig
        rig.bay.id_token = None
        rig.session_id = bytes(8)
        rig.connect()
        rig.choose_contract()
        if state.startswith("Certificate"):
            rig.ask(request_named(state))
        elif state != "PaymentServiceSelection":
            to_authorization(rig, state)
        if rig is receipt_rig:
            to_receipt(rig, request_named, state)
        return rig

    return go


def to_authorization(rig: Any, state: str) -> None:
    assert rig.details().response_code == iso2.ResponseCode.OK
    if state == "PaymentDetails":
        return
    assert rig.authorize().evse_processing == "Ongoing"
    if state != "Authorization Ongoing":
        rig.go_on()
        assert rig.authorize().evse_processing == "Finished"


def to_receipt(rig: Any, request_named: Any, state: str) -> None:
    for name in ("ChargeParameterDiscovery", "PowerDelivery Start"):
        assert str(rig.ask(request_named(name)).response_code) == "OK"
    status = rig.ask(request_named("ChargingStatus"))
    assert status.receipt_required
    if state == "MeteringReceipt":
        assert str(give_receipt(rig, status.meter_info).response_code) == "OK"


def give_receipt(rig: Any, meter_info: Any, **changes: Any) -> Any:
    known = {"id": "ID2", "session_id": rig.session_id, "sa_schedule_tuple_id": 1, "meter_info": meter_info}
    receipt = iso2.MeteringReceiptReq(**{**known, **changes})
    return rig.ask(receipt, rig.signed(receipt))


@pytest.mark.parametrize("state", TABLE)
def test_the_script_accepts_what_the_table_says(state: str, reach: Any, request_named: Any) -> None:
    accepted = set()
    for name in EVERY_REQUEST:
        rig, request = reach(state), request_named(name)
        answer = rig.ask(request)
        if answer is None:
            accepted.add(name)  # forwarded to the back office
            continue
        assert type(answer) is type(request).answered_by
        if answer.response_code != iso2.ResponseCode.FAILED_SequenceError:
            accepted.add(name)
        else:
            assert rig.talk.ended.outcome is Session.FAILED
            assert not rig.car.wish.energise
    assert accepted == TABLE[state]


@pytest.mark.parametrize("state", TABLE)
def test_silence_ends_the_session_after_60_seconds(state: str, reach: Any) -> None:
    rig: Any = reach(state)
    assert rig.wait(59.9) is None
    assert not rig.talk.ended
    assert rig.wait(0.2) is None
    assert rig.talk.ended.outcome is Session.FAILED
    assert not rig.car.wish.energise


#: A record of a meter that signs each reading, by a key that nobody needs any more
SIGNED = 'OCMF|{"PG":"T1","MS":"M-42"}|{"SD":"3006020101020102"}'


@pytest.mark.ocpp("2.x:J03")
def test_the_car_is_shown_the_fiscal_meter_and_signs_for_just_that(reach: Any, request_named: Any) -> None:
    rig = reach("MeteringReceipt")
    rig.bay.signed = SIGNED
    rig.bay.meter_wh = 1300.0
    status = rig.ask(request_named("ChargingStatus"))
    assert status.receipt_required
    shown = status.meter_info
    assert (shown.meter_id, shown.meter_reading, shown.t_meter) == ("M-42", 1300, 1_800_014_400)
    assert shown.sig_meter_reading == b"\0" * 23 + b"\1" + b"\0" * 23 + b"\2"
    rig.bay.meter_wh = 1301.0  # it goes on; the receipt is for what was shown
    assert str(give_receipt(rig, shown).response_code) == "OK"
    status = rig.ask(request_named("ChargingStatus"))
    unsigned = replace(status.meter_info, sig_meter_reading=None)
    assert str(give_receipt(rig, unsigned).response_code) == "FAILED_MeteringSignatureNotValid"


def test_a_signed_receipt_is_taken_and_charging_goes_on(reach: Any, request_named: Any) -> None:
    rig = reach("MeteringReceipt")
    assert rig.ask(request_named("ChargingStatus")).receipt_required
    assert rig.car.wish.energise


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": b"\x01" * 8},
        {"meter_info": iso2.MeterInfo(meter_id="another", meter_reading=1234)},
        {"meter_info": iso2.MeterInfo(meter_id="DE*PLT*E000001", meter_reading=1)},
    ],
)
def test_a_receipt_that_says_something_else_is_refused(changes: dict[str, Any], reach: Any) -> None:
    rig = reach("ChargingStatus, receipt required")
    known = {"meter_info": iso2.MeterInfo(meter_id="DE*PLT*E000001", meter_reading=1234)}
    assert str(give_receipt(rig, **{**known, **changes}).response_code) == "FAILED_MeteringSignatureNotValid"
    assert not rig.car.wish.energise


def test_a_receipt_signed_for_something_else_is_refused(reach: Any, request_named: Any) -> None:
    rig = reach("ChargingStatus, receipt required")
    receipt = iso2.MeteringReceiptReq(
        id="ID2",
        session_id=rig.session_id,
        meter_info=iso2.MeterInfo(meter_id="DE*PLT*E000001", meter_reading=1234),
    )
    other = rig.signed(replace(receipt, sa_schedule_tuple_id=1))
    assert str(rig.ask(receipt, other).response_code) == "FAILED_MeteringSignatureNotValid"


def test_no_receipt_is_asked_of_who_does_not_pay_by_contract(
    make_rig: Any, make_bay: Any, request_named: Any, receipt_rig: Any
) -> None:
    rig = make_rig(make_bay(level="C"), terms=receipt_rig.terms)
    names = ("SupportedAppProtocol", "SessionSetup", "ServiceDiscovery", "PaymentServiceSelection", "Authorization")
    for name in (*names, "ChargeParameterDiscovery", "PowerDelivery Start", "ChargingStatus"):
        [answer] = rig.ask(request_named(name))
    assert answer.receipt_required is False
