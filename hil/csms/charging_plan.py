"""What the back office offers a car that told its needs (OCPP 2.x K15, K17): one schedule, as much as the car can take
until it leaves. That is enough to see the car charge by a plan of the back office; an optimiser this is not.
"""

from datetime import UTC, datetime
from typing import Final

from hil.csms.records import JsonObject, Records, now_text

MOST_S: Final = 7 * 86_400
USUAL_A: Final = 32.0  # where a car names no limit
USUAL_W: Final = 50_000.0
PHASES: Final = {"AC_single_phase": 1, "AC_two_phase": 2, "AC_three_phase": 3}


def answer(records: Records, station: str, call: JsonObject) -> JsonObject:
    """Accepted where there is something to plan for: `follow` has the plan."""
    return {"status": "Accepted" if records.running(station, call["evseId"]) else "Rejected"}


def follow(records: Records, station: str, call: JsonObject) -> list[tuple[str, JsonObject]]:
    """The CALLs behind the answer."""
    running = records.running(station, call["evseId"])
    if not running:
        return []
    transaction, needs = running[-1].id, call["chargingNeeds"]
    unit, period = _period(needs)
    schedule = {
        "id": 1,
        "startSchedule": now_text(),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, **period}],
    }
    if "departureTime" in needs:
        schedule["duration"] = _seconds_until(needs["departureTime"])
    profile = {
        "id": records.plans.setdefault(transaction, len(records.plans) + 1),  # a new plan takes the old one's place
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "transactionId": transaction,
        "chargingSchedule": [schedule],
    }
    return [("SetChargingProfile", {"evseId": call["evseId"], "chargingProfile": profile})]


def _period(needs: JsonObject) -> tuple[str, JsonObject]:
    """Unit and limit: what the car can take at most."""
    dc = needs.get("dcChargingParameters")
    if dc is not None:
        power = dc.get("evMaxPower") or dc["evMaxCurrent"] * dc["evMaxVoltage"]
        return "W", {"limit": float(power) or USUAL_W}
    ac = needs.get("acChargingParameters", {})
    phases = PHASES.get(needs["requestedEnergyTransfer"])
    return "A", {"limit": float(ac.get("evMaxCurrent", 0)) or USUAL_A, **({"numberPhases": phases} if phases else {})}


def _seconds_until(departure: str) -> int:
    left = (datetime.fromisoformat(departure) - datetime.now(UTC)).total_seconds()
    return min(max(round(left), 60), MOST_S)
