"""Station and back office over a real socket, both versions: registration, states, authorization, delivery."""

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from ocpp.exceptions import InternalError, NotSupportedError, OCPPError
from ocpp.v16 import call_result as result16
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from firmware.station.authorization import Unreachable
from firmware.station.facts import BackOfficeLink, BackOfficeMessage, ConnectorStatus, IdToken, SecurityEvent
from hal.contracts import PilotMode, Plug
from hal.wire import Observation

Test = Callable[[Any], Coroutine[Any, Any, None]]
OnSite = Callable[..., None]
Whole = Callable[..., Any]
TIME = "2027-01-15T12:00:00Z"


@pytest.mark.ocpp(
    "2.0.1:B01.FR.01", "2.0.1:B01.FR.05", "2.0.1:B01.FR.08", "2.0.1:B01.FR.09", "2.0.1:G01.FR.01", "2.0.1:TC_B_01"
)
def test_boot_comes_first_then_every_state_then_silence(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.csms.heard("StatusNotification", 2)
        assert site.csms.actions() == ["BootNotification", "StatusNotification", "StatusNotification"]
        boot = site.csms.calls[0][1]
        assert boot["reason"] == "PowerUp"
        assert boot["chargingStation"]["serialNumber"] == "S-1"
        assert {(p["evseId"], p["connectorId"]) for _, p in site.csms.calls[1:]} == {(1, 1), (2, 1)}

    on_site(test)


def unplugged(connector: int, at: float) -> Observation:
    """What a guard says of a connector without a car."""
    said = {"at": at, "level": "A", "pilot": PilotMode.X1, "duty_percent": 0.0, "high_mv": 12000, "low_mv": 12000}
    idle = {"plug": Plug.NONE, "cable_rating_a": 0.0, "closed": False, "energised": False, "limit_a": 0.0}
    return msgspec.convert({"connector": connector, "tick": 1, "epoch": 1, **said, **idle, "t": "obs"}, Observation)


def test_the_first_states_are_those_the_guard_tells(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.station.ready.wait()
        for number, evse in site.station.evses.items():
            assert site.csms.actions() == []
            evse.observe(unplugged(number, site.clock.mono()))
        await site.csms.heard("StatusNotification", 2)
        assert [p["connectorStatus"] for a, p in site.csms.calls if a == "StatusNotification"] == ["Available"] * 2

    on_site(test, first_look_s=30.0)


@pytest.mark.ocpp("1.6:BootNotification", "1.6:StatusNotification", "1.6:TC_001")
def test_16_reports_connector_zero_too(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.csms.heard("StatusNotification", 3)
        assert site.csms.actions()[0] == "BootNotification"
        assert [p["connectorId"] for _, p in site.csms.calls[1:4]] == [0, 1, 2]

    on_site(test, version="1.6")


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.ocpp("2.x:G02.FR.01", "2.x:G02.FR.02", "2.x:B01.FR.04", "1.6:Heartbeat")
def test_heartbeat_only_after_silence(on_site: OnSite, version: str) -> None:
    def opening(csms: Any) -> None:
        result = {"1.6": result16, "2.0.1": result201, "2.1": result21}[version]
        csms.replies["BootNotification"].append(
            result.BootNotification(current_time=TIME, interval=200, status="Accepted")
        )

    async def test(site: Any) -> None:
        await site.csms.heard("StatusNotification", 2)
        site.later(199)
        await site.emit(SecurityEvent(at=site.clock.utc(), kind="TamperDetectionActivated", critical=True))
        await site.told("SecurityEventNotification")
        site.later(199)
        await asyncio.sleep(0.1)
        assert "Heartbeat" not in site.csms.actions()
        site.later(2)
        await site.csms.heard("Heartbeat")
        await site.told("Heartbeat")
        if version == "1.6":
            await site.csms.ask("ChangeConfiguration", key="HeartbeatInterval", value="60")
        else:
            interval = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
            await site.csms.ask("SetVariables", set_variable_data=[{**interval, "attribute_value": "60"}])
        site.later(61)
        await site.csms.heard("Heartbeat", 2)

    on_site(test, version=version, opening=opening)


@pytest.mark.ocpp("2.0.1:B01.FR.06", "2.0.1:A04.FR.01")
def test_the_clock_is_set_and_a_jump_is_reported(on_site: OnSite) -> None:
    def opening(csms: Any) -> None:
        later = result201.BootNotification(current_time="2027-01-15T13:00:00.5+00:00", interval=300, status="Accepted")
        csms.replies["BootNotification"].append(later)

    async def test(site: Any) -> None:
        event = await site.csms.heard("SecurityEventNotification")
        assert event["type"] == "SettingSystemTime"
        assert event["timestamp"] == "2027-01-15T13:00:00Z"

    on_site(test, opening=opening)


@pytest.mark.ocpp(
    "2.0.1:B01.FR.10",
    "2.0.1:B02.FR.02",
    "2.0.1:B02.FR.04",
    "2.0.1:B02.FR.05",
    "2.0.1:B02.FR.06",
    "2.0.1:B02.FR.08",
    "2.0.1:TC_B_02",
)
def test_pending_answers_but_asks_nothing_until_accepted(on_site: OnSite) -> None:
    def opening(csms: Any) -> None:
        pending = result201.BootNotification(current_time=TIME, interval=30, status="Pending")
        csms.replies["BootNotification"].append(pending)

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        data = [{"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}]
        answer = await site.csms.ask("GetVariables", get_variable_data=data)
        assert answer.get_variable_result[0]["attribute_status"] == "Accepted"
        start = await site.csms.ask(
            "RequestStartTransaction", id_token={"idToken": "A", "type": "ISO14443"}, remote_start_id=1, evse_id=1
        )
        assert start.status == "Rejected"  # B02.FR.05
        with pytest.raises(Unreachable):
            await site.client.authorize(IdToken("A"), 1)
        triggered = await site.csms.ask("TriggerMessage", requested_message="Heartbeat")
        assert triggered.status == "Accepted"
        await site.csms.heard("Heartbeat")  # B02.FR.02: asked for
        site.later(29)
        await asyncio.sleep(0.1)
        assert site.csms.actions() == ["BootNotification", "Heartbeat"]
        site.later(1)
        await site.csms.heard("BootNotification", 2)
        await site.csms.heard("StatusNotification", 2)

    on_site(test, opening=opening)


@pytest.mark.ocpp("1.6:BootNotification", "1.6:TC_002")
def test_16_pending_answers_but_asks_nothing_until_accepted(on_site: OnSite) -> None:
    def opening(csms: Any) -> None:
        pending = result16.BootNotification(current_time=TIME, interval=30, status="Pending")
        csms.replies["BootNotification"].extend([pending, pending])

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        answer = await site.csms.ask("GetConfiguration", key=["HeartbeatInterval"])
        assert answer.configuration_key[0]["key"] == "HeartbeatInterval"
        answer = await site.csms.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="7")
        assert answer.status == "Accepted"
        assert (await site.csms.ask("RemoteStartTransaction", id_tag="A", connector_id=1)).status == "Rejected"
        with pytest.raises(Unreachable):
            await site.client.authorize(IdToken("A"), 1)
        assert (await site.csms.ask("TriggerMessage", requested_message="BootNotification")).status == "Accepted"
        await site.told("BootNotification", 2)
        site.later(29)
        await asyncio.sleep(0.1)
        assert site.csms.actions() == ["BootNotification"] * 2
        site.later(1)
        await site.csms.heard("BootNotification", 3)
        await site.csms.heard("StatusNotification", 3)

    on_site(test, version="1.6", opening=opening)


@pytest.mark.ocpp("2.0.1:B03.FR.02", "2.0.1:B03.FR.06", "2.0.1:B03.FR.08", "2.0.1:TC_B_03", "2.0.1:TC_B_30")
def test_rejected_refuses_everything_in_201_and_says_nothing_in_16(on_site: OnSite) -> None:
    async def new(site: Any) -> None:
        await site.told("BootNotification")
        with pytest.raises(OCPPError) as refused:
            await site.csms.ask(
                "GetVariables", get_variable_data=[{"component": {"name": "A"}, "variable": {"name": "B"}}]
            )
        assert refused.value.code == "SecurityError"  # B03.FR.08
        site.later(59)
        await asyncio.sleep(0.1)
        assert site.csms.actions() == ["BootNotification"]
        site.later(1)
        await site.csms.heard("BootNotification", 2)

    async def old(site: Any) -> None:
        await site.told("BootNotification")
        site.csms.point._response_timeout = 0.3
        with pytest.raises(TimeoutError):
            await site.csms.ask("ClearCache")  # 1.6 4.2: SHALL NOT respond

    def rejecting(answer: Any) -> Callable[[Any], None]:
        return lambda csms: csms.replies["BootNotification"].append(answer)

    on_site(new, opening=rejecting(result201.BootNotification(current_time=TIME, interval=60, status="Rejected")))
    on_site(
        old,
        version="1.6",
        opening=rejecting(result16.BootNotification(current_time=TIME, interval=60, status="Rejected")),
    )


@pytest.mark.ocpp("2.0.1:B02.FR.07", "2.0.1:B03.FR.05")
def test_an_interval_of_zero_is_replaced_by_our_own(on_site: OnSite) -> None:
    def opening(csms: Any) -> None:
        rejected = result201.BootNotification(current_time=TIME, interval=0, status="Rejected")
        csms.replies["BootNotification"].append(rejected)

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        site.later(59)
        await asyncio.sleep(0.1)
        assert site.csms.actions() == ["BootNotification"]
        site.later(2)
        await site.csms.heard("BootNotification", 2)

    on_site(test, opening=opening)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.ocpp("2.0.1:C01.FR.02", "2.0.1:C09.FR.02", "1.6:Authorize")
def test_authorize_brings_the_verdict_with_group(on_site: OnSite, version: str) -> None:
    def opening(csms: Any) -> None:
        old = result16.Authorize(id_tag_info={"status": "Blocked", "parentIdTag": "GROUP"})
        group = {"idToken": "GROUP", "type": "Central"}
        new = {"2.0.1": result201, "2.1": result21}.get(version, result201).Authorize(
            id_token_info={"status": "NoCredit", "groupIdToken": group}
        )
        csms.replies["Authorize"].append(old if version == "1.6" else new)

    async def test(site: Any) -> None:
        await site.connected()
        verdict = await site.client.authorize(IdToken("04AABB"), 1)
        assert verdict.status == ("Blocked" if version == "1.6" else "NoCredit")
        assert verdict.group is not None
        assert verdict.group.token == "GROUP"

    on_site(test, version=version, opening=opening)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_authorize_does_not_wait_behind_a_backlog(on_site: OnSite, whole_transaction: Whole, version: str) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        await site.emit(*[fact for n in range(10) for fact in whole_transaction(f"tx-{n}")])
        await site.csms.heard("StartTransaction" if version == "1.6" else "TransactionEvent")
        await site.client.authorize(IdToken("04AABB"), 1)
        place = site.csms.actions().index("Authorize")
        assert place < len(site.csms.actions()) - 1 or place < 30

    on_site(test, version=version)


def test_without_a_connection_authorize_is_unreachable(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        assert not site.client.connected
        with pytest.raises(Unreachable):
            await site.client.authorize(IdToken("04AABB"), 1)

    on_site(test, served=("9.9",))


def test_a_connection_lost_while_authorizing_is_unreachable(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        site.csms.replies["Authorize"].append("")
        asking = asyncio.create_task(site.client.authorize(IdToken("04AABB"), 1))
        await site.csms.heard("Authorize")
        await site.csms.drop()
        with pytest.raises(Unreachable):
            await asyncio.wait_for(asking, 20)

    on_site(test)


# --- delivery -------------------------------------------------------------------------------------------------------


def events(site: Any) -> list[tuple[str, int]]:
    return [
        (p["transactionInfo"]["transactionId"], p["seqNo"]) for name, p in site.csms.calls if name == "TransactionEvent"
    ]


@pytest.mark.ocpp("2.0.1:E04.FR.01", "2.0.1:E04.FR.02", "2.0.1:TC_E_40")
def test_a_backlog_is_delivered_in_order_after_the_connection_comes_back(
    on_site: OnSite, whole_transaction: Whole
) -> None:
    facts = [fact for n in range(5) for fact in whole_transaction(f"tx-{n}")]

    async def test(site: Any) -> None:
        await site.connected()
        await site.csms.close()
        await site.emit(*facts)
        await site.csms.open()
        await site.csms.heard("TransactionEvent", len(facts))
        assert events(site) == [(f.transaction_id, f.seq_no) for f in facts]
        assert site.csms.actions().count("BootNotification") == 1  # B01 is not repeated

    on_site(test)


def test_a_connection_lost_mid_call_resends_the_same_frame_and_costs_no_attempt(
    on_site: OnSite, whole_transaction: Whole
) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        for _ in range(3):
            site.csms.replies["TransactionEvent"].append("")
        await site.emit(*whole_transaction("tx-1"))
        for count in (1, 2, 3):
            await site.csms.heard("TransactionEvent", count)
            await site.csms.drop()
        await site.csms.heard("TransactionEvent", 3 + 4)
        assert [number for _, number in events(site)] == [0, 0, 0, 0, 1, 2, 3]
        frames = [json.loads(frame) for frame in site.csms.raw if '"TransactionEvent"' in frame][:4]
        assert all(frame[2:] == frames[0][2:] for frame in frames)
        assert len({frame[1] for frame in frames}) == 4  # 2.0.1 part 4, 4.1.4

    on_site(test, variables={"OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "1"})


@pytest.mark.ocpp(
    "2.0.1:E13.FR.01", "2.0.1:E13.FR.02", "2.0.1:E13.FR.03", "2.0.1:E13.FR.04", "2.0.1:TC_E_50", "2.0.1:TC_E_51"
)
def test_retries_wait_interval_times_attempts_and_end_after_the_allowed_number(
    on_2x: OnSite, whole_transaction: Whole
) -> None:
    """TC_E_50: attempts 3, interval 60: sent again after 60 s, then after 120 s, then given up."""

    async def test(site: Any) -> None:
        await site.connected()
        for _ in range(3):
            site.csms.replies["TransactionEvent"].append(InternalError())
        await site.emit(*whole_transaction("tx-1", updates=0))
        await site.csms.heard("TransactionEvent", 1)
        for wait, count in ((60, 2), (120, 3)):
            await site.will_repeat()
            site.later(wait - 1)
            await asyncio.sleep(0.1)
            assert len(events(site)) == count - 1
            site.later(1)
            await site.csms.heard("TransactionEvent", count)
        await site.csms.heard("TransactionEvent", 4)
        assert [number for _, number in events(site)] == [0, 0, 0, 1]

    on_2x(
        test,
        variables={
            "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "3",
            "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "60",
        },
    )


@pytest.mark.ocpp("2.0.1:TC_E_41", "2.0.1:TC_E_42")
def test_silence_is_a_failed_attempt_after_the_message_timeout(on_site: OnSite, whole_transaction: Whole) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        site.csms.replies["TransactionEvent"].append("")
        await site.emit(*whole_transaction("tx-1", updates=0))
        await site.csms.heard("TransactionEvent", 1)
        site.later(30)  # MessageTimeout
        await site.will_repeat()
        site.later(10)  # MessageAttemptInterval x 1
        await site.csms.heard("TransactionEvent", 3)
        assert [number for _, number in events(site)] == [0, 0, 1]

    on_site(test)


def test_calls_are_answered_while_our_own_call_waits(on_site: OnSite, whole_transaction: Whole) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        site.csms.replies["TransactionEvent"].append("")
        await site.emit(*whole_transaction("tx-1", updates=0))
        await site.csms.heard("TransactionEvent", 1)
        answer = await site.csms.ask("GetTransactionStatus", transaction_id="tx-1")
        assert answer.messages_in_queue is True
        assert answer.ongoing_indicator is False

    on_site(test)


def test_a_broken_answer_to_an_event_counts_as_delivered(on_site: OnSite, whole_transaction: Whole) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        site.csms.replies["TransactionEvent"].append('[3, "$ID", {"totalCost": "much"}]')
        await site.emit(*whole_transaction("tx-1", updates=0))
        await site.csms.heard("TransactionEvent", 2)
        assert [number for _, number in events(site)] == [0, 1]

    on_site(test)


def test_a_16_back_office_without_the_security_extension_does_not_block_the_queue(
    on_site: OnSite, whole_transaction: Whole
) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        site.csms.replies["SecurityEventNotification"].append(NotSupportedError())
        await site.emit(
            SecurityEvent(at=site.clock.utc(), kind="TamperDetectionActivated", critical=True),
            *whole_transaction("tx-1", updates=0),
        )
        await site.csms.heard("StopTransaction")
        assert site.csms.actions().count("SecurityEventNotification") == 1

    on_site(test, version="1.6")


@pytest.mark.ocpp("2.0.1:C10.FR.03", "2.0.1:E05.FR.01")
def test_a_token_that_turns_out_invalid_reaches_the_station(on_site: OnSite, whole_transaction: Whole) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        blocked = result201.TransactionEvent(id_token_info={"status": "Blocked"})
        site.csms.replies["TransactionEvent"].append(blocked)
        await site.emit(*whole_transaction("tx-1", updates=0))
        await site.csms.heard("TransactionEvent", 2)
        # the station's cache knows it now
        known = site.station.authorizer.known(IdToken("04AABBCCDD"))
        assert known.status == "Blocked"

    on_site(test)


# --- states ---------------------------------------------------------------------------------------------------------


def occupied(site: Any, evse: int, state: str = "Occupied", detail: str = "Preparing") -> ConnectorStatus:
    return ConnectorStatus(at=site.clock.utc(), evse=evse, connector=1, state=state, detail=detail)  # type: ignore[arg-type]


@pytest.mark.ocpp("2.0.1:G01.FR.03")
def test_a_state_must_last_before_it_is_reported(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.csms.heard("StatusNotification", 2)
        await site.emit(occupied(site, 1), *[f for f in site.station.statuses() if f.evse == 1])
        site.later(10)
        await asyncio.sleep(0.1)
        assert site.csms.actions().count("StatusNotification") == 2  # back to what it was before it lasted
        await site.emit(occupied(site, 1))
        site.later(10)
        await site.csms.heard("StatusNotification", 1, connectorStatus="Occupied")

    on_site(test, variables={"OCPPCommCtrlr.MinimumStatusDuration": "5"})


@pytest.mark.ocpp("2.0.1:B04.FR.01", "2.0.1:B04.FR.02", "2.0.1:TC_B_51", "2.0.1:TC_B_52")
def test_the_first_reconnect_repeats_only_what_changed(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        await site.csms.drop()
        while site.csms.connections < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await site.connected()
        await asyncio.sleep(0.1)
        assert site.csms.actions() == ["BootNotification", "StatusNotification", "StatusNotification"]
        await site.csms.drop()
        await site.connected(False)
        site.clock.now += 61  # OfflineThreshold is 60
        await site.csms.heard("StatusNotification", 4)
        assert site.csms.actions().count("BootNotification") == 1

    on_site(test)


# --- versions and links ---------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:TC_088")
def test_the_first_common_version_in_our_order_is_spoken(on_site: OnSite) -> None:
    async def new(site: Any) -> None:
        await site.csms.heard("BootNotification")
        assert "chargingStation" in site.csms.calls[0][1]

    async def old(site: Any) -> None:
        await site.csms.heard("BootNotification")
        assert "chargePointVendor" in site.csms.calls[0][1]

    on_site(new, offered=("2.0.1", "1.6"))
    on_site(old, offered=("2.0.1", "1.6"), served=("1.6",))


def test_a_server_without_our_versions_is_left_and_tried_again(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        while not any(isinstance(fact, BackOfficeLink) for fact in site.facts):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await site.csms.close()
        site.csms.subprotocols = ["ocpp2.0.1"]
        await site.csms.open()
        await site.csms.heard("BootNotification")

    on_site(test, served=("9.9",))


def test_a_transaction_is_finished_in_the_version_that_first_reported_it(
    on_site: OnSite, whole_transaction: Whole
) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        await site.emit(*whole_transaction("tx-1")[:2])
        await site.csms.heard("MeterValues")
        await site.csms.close()
        site.csms.subprotocols = ["ocpp2.0.1", "ocpp1.6"]
        await site.csms.open()
        await site.connected()
        await site.emit(*whole_transaction("tx-1")[2:])
        await site.csms.heard("StopTransaction")

    on_site(test, offered=("2.0.1", "1.6"), served=("1.6",))


@pytest.mark.ocpp("2.0.1:TC_A_01", "1.6:TC_085")
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_the_password_is_sent_as_basic_authentication_and_never_shown(on_site: OnSite, version: str) -> None:
    def opening(csms: Any) -> None:
        csms.password = "open sesame 1234"

    async def test(site: Any) -> None:
        await site.csms.heard("BootNotification")
        assert site.csms.logins == ["Basic " + base64.b64encode(b"CS-1:open sesame 1234").decode()]
        assert not any("sesame" in repr(fact) for fact in site.facts)

    on_site(test, version=version, opening=opening, password="open sesame 1234")


def test_a_wrong_password_is_an_ordinary_failure(on_site: OnSite) -> None:
    def opening(csms: Any) -> None:
        csms.password = "something else 12"

    async def test(site: Any) -> None:
        while not any(isinstance(fact, BackOfficeLink) for fact in site.facts):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        (link,) = [fact for fact in site.facts if isinstance(fact, BackOfficeLink)]
        assert not link.connected
        assert "401" in link.reason
        site.csms.password = None
        await site.csms.heard("BootNotification")

    on_site(test, opening=opening, password="open sesame 1234")


@pytest.mark.ocpp("2.0.1:TC_B_57")
def test_one_outage_is_one_loss_and_says_why(on_site: OnSite, caplog: pytest.LogCaptureFixture) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        await site.csms.close()
        async with asyncio.timeout(20):
            while "out of reach" not in caplog.text:  # noqa: ASYNC110 - a redial was refused
                await asyncio.sleep(0.02)
        links = [fact for fact in site.facts if isinstance(fact, BackOfficeLink)]
        assert [fact.connected for fact in links] == [True, False]
        assert links[-1].reason
        lost = [record for record in caplog.records if " lost: " in record.getMessage()]
        assert [record.levelname for record in lost] == ["WARNING"]
        assert links[-1].reason in lost[0].getMessage()

    on_site(test)


def test_garbage_from_the_back_office_ends_nothing(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        for frame in ("{", "[]", '[2,"a"]', '[3,"nobody",{}]', '[4,"nobody"]', '[9,"x",{}]', '[2,"b","Nonsense",{}]'):
            await site.csms.tell(frame)
        answer = await site.csms.ask("ClearCache")
        assert answer.status == "Accepted"
        assert site.csms.connections == 1

    on_site(test)


def test_every_frame_becomes_a_fact_with_its_name(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.connected()
        await site.csms.ask("ClearCache")
        told = [(f.direction, f.kind, f.name) for f in site.facts if isinstance(f, BackOfficeMessage)]
        assert told[:2] == [("sent", "call", "BootNotification"), ("received", "result", "BootNotification")]
        assert ("received", "call", "ClearCache") in told
        assert ("sent", "result", "ClearCache") in told

    on_site(test)


def test_a_back_office_that_hangs_is_noticed_by_its_missing_pong(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        site.csms.point.socket.transport.pause_reading()  # the line is open, nobody is at the other end
        await site.connected(False)
        lost = [fact for fact in site.facts if isinstance(fact, BackOfficeLink) and not fact.connected]
        assert lost[-1].reason == "no pong within 1 s"
        await site.csms.drop()  # nobody is there who could take leave

    on_site(test, variables={"OCPPCommCtrlr.WebSocketPingInterval": "1"})


def test_a_damaged_value_in_the_journal_is_replaced_by_its_default(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.csms.heard("BootNotification")
        variable = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}
        answer = await site.csms.ask("GetVariables", get_variable_data=[variable])
        assert answer.get_variable_result[0]["attribute_value"] == "60"

    on_site(test, variables={"OCPPCommCtrlr.OfflineThreshold": "soon"})
