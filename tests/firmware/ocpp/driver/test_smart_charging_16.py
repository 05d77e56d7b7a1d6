"""Smart charging of 1.6 (3.13, 5.5, 5.7, 5.11, 5.16 with their errata), over a real socket."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v16 import call_result as result16

On16 = Callable[..., None]


def profile(number: int = 1, limit: float = 10.0, *, start: str | None = None, **more: Any) -> dict[str, Any]:
    schedule: dict[str, Any] = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    if start is not None:
        schedule["startSchedule"] = start
    return {
        "chargingProfileId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **more,
    }


def tx_profile(number: int = 5, limit: float = 8.0, **more: Any) -> dict[str, Any]:
    return profile(number, limit, **{"chargingProfilePurpose": "TxProfile", **more})


async def put(lab: Any, connector: int, said: dict[str, Any]) -> str:
    answer = await lab.csms.ask("SetChargingProfile", connector_id=connector, cs_charging_profiles=said)
    return str(answer.status)


async def clear(lab: Any, **more: Any) -> str:
    return str((await lab.csms.ask("ClearChargingProfile", **more)).status)


def limit(lab: Any, connector: int = 1) -> float:
    return float(lab.station.evses[connector].limit.amps)


@pytest.mark.ocpp("1.6:SetChargingProfile", "1.6:TC_056", "1.6:TC_082", "1.6:TC_072")
def test_a_default_profile_of_one_connector_stands_in_for_that_of_all(on_16: On16) -> None:
    async def test(lab: Any) -> None:
        await lab.charge()
        assert await put(lab, 0, profile(1, 13.0)) == "Accepted"  # without startSchedule: from now on
        assert await put(lab, 1, profile(2, 9.0)) == "Accepted"
        assert (limit(lab, 1), limit(lab, 2)) == (9.0, 13.0)
        assert await put(lab, 1, profile(3, 20.0, stackLevel=1)) == "Accepted"
        assert limit(lab) == 20.0
        assert await put(lab, 1, profile(4, 21.0, stackLevel=1)) == "Accepted"  # 3.13.2: replaces profile 3
        assert limit(lab) == 21.0
        assert await clear(lab, id=3) == "Unknown"

    on_16(test)


@pytest.mark.ocpp("1.6:TC_057", "1.6:TC_058", "1.6:SetChargingProfile")
def test_a_profile_for_the_transaction_by_the_number_the_central_system_gave_it(on_16: On16) -> None:
    async def test(lab: Any) -> None:
        assert await put(lab, 1, tx_profile()) == "Rejected"  # no transaction
        lab.csms.replies["StartTransaction"].append("")  # answered below
        await lab.charge()
        await lab.csms.heard("StartTransaction")
        number = json.loads(lab.csms.raw[-1])[1]
        await lab.csms.tell(f'[3,"{number}",{{"transactionId":77,"idTagInfo":{{"status":"Accepted"}}}}]')
        assert await put(lab, 1, tx_profile(limit=7.0, transactionId=77)) == "Accepted"  # right behind the answer
        assert limit(lab) == 7.0
        assert await put(lab, 1, tx_profile(transactionId=78)) == "Rejected"
        assert await put(lab, 0, tx_profile()) == "Rejected"
        assert await put(lab, 1, tx_profile(6, 6.5)) == "Accepted"  # errata: the number may be left out
        assert limit(lab) == 6.5

    on_16(test)


@pytest.mark.ocpp("1.6:SetChargingProfile")
def test_what_breaks_a_rule_is_rejected(on_16: On16) -> None:
    async def test(lab: Any) -> None:
        with pytest.raises(OCPPError) as refused:  # errata 3.39
            await put(lab, 9, profile())
        assert refused.value.code == "PropertyConstraintViolation"
        assert await put(lab, 1, profile(chargingProfilePurpose="ChargePointMaxProfile")) == "Rejected"
        assert await put(lab, 0, profile(chargingProfileKind="Recurring")) == "Rejected"
        assert await put(lab, 0, profile(chargingProfilePurpose="ChargePointMaxProfile")) == "Accepted"

    on_16(test)


@pytest.mark.ocpp("1.6:SetChargingProfile")
def test_a_rate_unit_that_is_none_is_a_property_violation(on_16: On16) -> None:
    """Errata 3.38."""

    async def test(lab: Any) -> None:
        wrong = str(profile()).replace("'A'", "'V'").replace("'", '"')
        payload = f'{{"connectorId":0,"csChargingProfiles":{wrong}}}'
        await lab.csms.tell(f'[2,"1","SetChargingProfile",{payload}]')
        await lab.until(lambda: any('"PropertyConstraintViolation"' in text for text in sent(lab)))

    on_16(test)


def sent(lab: Any) -> list[str]:
    return [f.text for f in lab.site.facts if getattr(f, "direction", "") == "sent" and f.kind == "error"]


@pytest.mark.ocpp("1.6:SetChargingProfile", "1.6:ClearChargingProfile", "1.6:GetCompositeSchedule")
def test_switched_off_it_is_not_supported(on_16: On16) -> None:
    async def test(lab: Any) -> None:
        for action, payload in (
            ("SetChargingProfile", {"connector_id": 0, "cs_charging_profiles": profile()}),
            ("ClearChargingProfile", {}),
            ("GetCompositeSchedule", {"connector_id": 0, "duration": 60}),
        ):
            with pytest.raises(OCPPError) as refused:
                await lab.csms.ask(action, **payload)
            assert refused.value.code == "NotSupported"

    on_16(test, variables={"SmartChargingCtrlr.Enabled": "false"})


@pytest.mark.ocpp("1.6:ClearChargingProfile", "1.6:TC_067")
def test_clearing_matches_all_that_is_said_and_an_id_alone(on_16: On16) -> None:
    async def test(lab: Any) -> None:
        await put(lab, 0, profile(1, 13.0, chargingProfilePurpose="ChargePointMaxProfile"))
        await put(lab, 1, profile(2, 12.0))
        await put(lab, 2, profile(3, 11.0, stackLevel=1))
        assert await clear(lab, connector_id=1, stack_level=1) == "Unknown"
        assert await clear(lab, id=3, connector_id=1) == "Accepted"  # errata 3.26: the id decides
        assert await clear(lab, charging_profile_purpose="ChargePointMaxProfile") == "Accepted"
        assert await clear(lab) == "Accepted"  # all that are left
        assert await clear(lab) == "Unknown"

    on_16(test)


@pytest.mark.ocpp("1.6:GetCompositeSchedule", "1.6:TC_066")
def test_the_composite_schedule(on_16: On16) -> None:
    async def test(lab: Any) -> None:
        await put(lab, 1, profile(limit=13.0, start="2027-01-01T00:00:00Z"))
        answer = await lab.csms.ask("GetCompositeSchedule", connector_id=1, duration=60)
        assert (answer.status, answer.connector_id) == ("Accepted", 1)
        assert answer.schedule_start.startswith("2027-01-15T12:0")
        assert answer.charging_schedule == {
            "duration": 60,
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": 13.0, "number_phases": 3}],
        }
        watts = await lab.csms.ask("GetCompositeSchedule", connector_id=1, duration=60, charging_rate_unit="W")
        assert watts.charging_schedule["charging_schedule_period"][0]["limit"] == 13.0 * 230 * 3
        assert (await lab.csms.ask("GetCompositeSchedule", connector_id=0, duration=60)).status == "Accepted"
        assert (await lab.csms.ask("GetCompositeSchedule", connector_id=9, duration=60)).status == "Rejected"

    on_16(test)


@pytest.mark.ocpp("1.6:RemoteStartTransaction", "1.6:TC_059", "1.6:TC_060")
def test_a_remote_start_brings_its_profile(on_16: On16) -> None:
    async def start(lab: Any, said: dict[str, Any]) -> str:
        answer = await lab.csms.ask("RemoteStartTransaction", id_tag="REMOTE", connector_id=1, charging_profile=said)
        return str(answer.status)

    async def test(lab: Any) -> None:
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].plugged)
        assert await start(lab, profile()) == "Rejected"  # 5.16.2: only a TxProfile
        assert await start(lab, tx_profile(transactionId=4)) == "Rejected"
        assert await start(lab, tx_profile(limit=7.0)) == "Accepted"
        await lab.until(lambda: lab.station.evses[1].closed)
        assert limit(lab) == 7.0
        assert await put(lab, 1, tx_profile(8, 6.5)) == "Accepted"  # the same stack level: replaced (errata 3.42)
        assert await clear(lab, id=5) == "Unknown"

    on_16(test)


@pytest.mark.ocpp("1.6:RemoteStartTransaction")
def test_without_smart_charging_the_profile_is_ignored(on_16: On16) -> None:
    async def test(lab: Any) -> None:
        answer = await lab.csms.ask("RemoteStartTransaction", id_tag="A", connector_id=1, charging_profile=profile())
        assert answer.status == "Accepted"

    on_16(test, variables={"SmartChargingCtrlr.Enabled": "false"})


@pytest.mark.ocpp("1.6:GetConfiguration")
def test_the_keys_tell_what_the_station_can_do(on_16: On16) -> None:
    async def test(lab: Any) -> None:
        answer = await lab.csms.ask("GetConfiguration")
        keys = {row["key"]: (row["value"], row["readonly"]) for row in answer.configuration_key}
        assert keys["ChargingScheduleAllowedChargingRateUnit"] == ("Current,Power", True)
        assert keys["ChargeProfileMaxStackLevel"] == ("20", True)
        assert keys["ChargingScheduleMaxPeriods"] == ("256", True)
        assert keys["MaxChargingProfilesInstalled"] == ("50", True)
        assert keys["ConnectorSwitch3to1PhaseSupported"][0] in {"true", "false"}
        assert keys["LocalAuthListMaxLength"] == ("2000", True)
        assert keys["SendLocalListMaxLength"] == ("400", True)
        assert keys["LocalAuthListEnabled"] == ("true", False)
        assert keys["ReserveConnectorZeroSupported"][0] == "true"

    on_16(test)


@pytest.mark.ocpp("1.6:SetChargingProfile", "1.6:MeterValues", "1.6:RemoteStartTransaction")
def test_an_energy_manager_at_home_drives_it_without_cards(on_16: On16) -> None:
    """What energy managers do that are their own central system: start by remote command with any idTag, read values
    every few seconds, move the default limit in tenths of an ampere and down to nothing, one or three phases."""

    async def test(lab: Any) -> None:
        csms = lab.csms
        answer = await csms.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="5")
        assert answer.status == "Accepted"
        lab.move(level="C")
        await csms.heard("StatusNotification", connectorId=1, status="Preparing")
        csms.replies["Authorize"].append(result16.Authorize(id_tag_info={"status": "Invalid"}))
        assert (await csms.ask("RemoteStartTransaction", id_tag="manager", connector_id=1)).status == "Accepted"
        await lab.until(lambda: lab.station.evses[1].closed)
        assert "Authorize" not in csms.actions()
        for amps in (6.0, 6.1, 16.0, 0.0, 10.0):
            said = profile(1, amps, chargingProfileKind="Relative")
            assert await put(lab, 0, said) == "Accepted"
            assert limit(lab) == amps
        three = profile(1, 11.0)
        three["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] = 3
        assert await put(lab, 0, three) == "Accepted"
        await lab.wait(12)
        for number in range(2):
            await csms.heard("MeterValues", number + 1)

    on_16(test)
