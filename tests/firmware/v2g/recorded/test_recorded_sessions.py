"""Recorded sessions of real cars and chargers, DIN and -2: our answers have the recorded type and code class, and no
sequence error where the recorded station gave none. What cannot match is listed here, each with its reason.
"""

from pathlib import Path
from typing import Any, Final

import pytest

from firmware.v2g.evse_link import Session
from firmware.v2g.messages import din, iso2

FOLDER: Final = Path(__file__).parents[3] / "samples" / "sessions"
RECORDINGS: Final = sorted(path.name.removesuffix(".jsonl.gz") for path in FOLDER.glob("*.jsonl.gz"))

# Compared up to the first of these requests: what comes then is of another station and cannot be repeated.
COMPARED_UNTIL: Final[dict[str, tuple[type, str]]] = {
    "iso2-ac-everest-car-tls": (iso2.PaymentServiceSelectionReq, "contract payment, offered over TLS only"),
    "iso2-certinstall-everest-station": (iso2.PaymentServiceSelectionReq, "contract payment, offered over TLS only"),
    "iso2-certupdate-everest-station": (iso2.PaymentServiceSelectionReq, "contract payment, offered over TLS only"),
    "iso2-pnc-everest-station": (iso2.PaymentServiceSelectionReq, "contract payment, offered over TLS only"),
    "iso2-pnc-josev-car": (iso2.PaymentServiceSelectionReq, "contract payment, offered over TLS only"),
    "iso2-pnc-josev-station": (iso2.PaymentServiceSelectionReq, "contract payment, offered over TLS only"),
    "iso2-tariff-josev-car": (iso2.PowerDeliveryReq, "two tariffs were offered, and the car took the second"),
    "din-dc-pyplc-supercharger-1": (din.ServiceDiscoveryReq, "the recorded station refused its own session id"),
    "din-dc-pyplc-alpitronic-2022-12-21-2": (
        din.WeldingDetectionReq,
        "that charger calls the voltage of the test set-up a failure; we tell it and let the car judge",
    ),
}
# We end the session where the recorded station let it go on, or gave no answer that was kept.
ENDS_EARLIER: Final = {
    "din-dc-pyplc-abb-2022-11": "the car leaves ContractAuthentication out; the recording has no answer to that",
    "din-dc-pyplc-alpitronic-shutdown": "a second request after a sequence error; we closed after the first",
    "iso2-dc-renegotiation-everest-station": "the failed cable check is the recording's last message",
}


def test_there_are_recordings() -> None:
    assert len([name for name in RECORDINGS if name.startswith("din-")]) == 21
    assert len([name for name in RECORDINGS if name.startswith("iso2-")]) == 22
    assert set(COMPARED_UNTIL) | set(ENDS_EARLIER) <= set(RECORDINGS)


def comparable(recording: Any) -> Any:
    """The recording without what cannot match."""
    last = COMPARED_UNTIL.get(recording.name)
    if last is None:
        return recording
    count = [isinstance(each.request, last[0]) for each in recording.exchanges].index(True)
    return type(recording)(recording.name, recording.energy, recording.exchanges[:count])


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_requests_get_the_recorded_kind_of_answer(
    name: str, recording: Any, replay: Any, make_recorded_rig: Any, class_of: Any
) -> None:
    whole = recording(name)
    compared = comparable(whole)
    rig = make_recorded_rig(whole)
    for request, ours, recorded in replay(rig, compared):
        if recorded is None:
            continue
        assert type(ours) is type(recorded), request
        assert class_of(ours) == class_of(recorded), (request, ours)
    stopped = compared.exchanges[-1].request
    if isinstance(stopped, iso2.SessionStopReq | din.SessionStopReq):
        assert rig.ended.outcome in {Session.TERMINATED, Session.PAUSED}
    rig.talk.cancel("end of the recording")
    assert not rig.car.wish.energise


@pytest.mark.parametrize("name", [each for each in RECORDINGS if each.startswith("din-")])
def test_energy_flows_as_soon_as_the_recorded_car_asks_for_it(
    name: str, recording: Any, replay: Any, make_recorded_rig: Any
) -> None:
    rig = make_recorded_rig(recording(name))
    for request, ours, _ in replay(rig, comparable(recording(name))):
        if isinstance(request, din.CurrentDemandReq) and isinstance(ours, din.CurrentDemandRes):
            if ours.response_code != "OK":
                break
            wanted = max(0.0, float(request.ev_target_current))
            assert rig.bay.current_a == pytest.approx(
                min(wanted, 150_000 / max(1.0, float(request.ev_target_voltage)), 500.0)
            )
            assert rig.car.wish.soc_percent == request.dc_ev_status.ev_ress_soc


def test_a_station_that_forgets_its_own_session_id_is_not_what_we_are(
    recording: Any, replay: Any, make_recorded_rig: Any
) -> None:
    """That Supercharger refuses everything; we refuse a foreign id too, once, and close."""
    of_supercharger = recording("din-dc-pyplc-supercharger-1")
    rig = make_recorded_rig(of_supercharger)
    said = list(replay(rig, of_supercharger, foreign=True))
    assert str(said[2].ours.response_code) == str(said[2].recorded.response_code) == "FAILED_UnknownSession"
    assert rig.ended.outcome is Session.FAILED
    assert said[3].ours is None


def test_a_recorded_pause_is_resumed_by_the_second_recording(
    recording: Any, replay: Any, make_recorded_rig: Any
) -> None:
    before, after = recording("iso2-pause-josev-station-1"), recording("iso2-pause-josev-station-2")
    first = make_recorded_rig(before)
    for _ in replay(first, before):
        pass
    assert first.ended.outcome is Session.PAUSED
    second = make_recorded_rig(after, paused=first.ended.resume)
    second.session_id = first.session_id  # what the car would say
    setups = [each.ours for each in replay(second, after) if isinstance(each.ours, iso2.SessionSetupRes)]
    assert [str(each.response_code) for each in setups] == ["OK_OldSessionJoined"]
