"""One car's matching, from CM_SLAC_PARM.REQ to CM_SLAC_MATCH.CNF, as a script (ISO 15118-3 Annex A.9).

Read it from top to bottom. Several run at once, one per (MAC, RunID): which there are is `slac`'s. Times in s.
"""

from dataclasses import dataclass, field
from typing import Final

from firmware.v2g.slac.frames import (
    BROADCAST,
    GROUPS,
    AttenCharInd,
    AttenCharRsp,
    AttenProfileInd,
    Mme,
    MnbcSoundInd,
    SlacMatchCnf,
    SlacMatchReq,
    SlacParmCnf,
    StartAttenCharInd,
    ValidateCnf,
    ValidateReq,
)
from firmware.v2g.slac.key import NetworkKey
from firmware.v2g.slac.talk import Failed, Talk

SOUNDS: Final = 10  # C_EV_match_MNBC
SOUND_TIME_OUT: Final = 6  # × 100 ms, what we tell the car
ATTEN_CHAR_REPEATS: Final = 2  # C_EV_match_retry [V2G3-A09-46]
START_S: Final = 0.4  # TT_match_sequence
SOUNDING_S: Final = 0.6  # TT_EVSE_match_MNBC
RESPONSE_S: Final = 0.2  # TT_match_response
MATCH_S: Final = 10.0  # TT_EVSE_match_session
SETTLE_S: Final = 0.045  # all sounds heard: profiles still on their way get this long
ASSUMED_DB: Final = 1  # a modem that measures nothing: what stations in the field then report

TOGGLES_S: Final = 3.5  # TT_EVSE_vald_toggle: no sequence of toggles lasts longer
TIMER_S: Final = 0.1  # unit of CM_VALIDATE.REQ's timer, which counts from 0

READY_RESULT: Final = 1
SUCCESS_RESULT: Final = 2
FAILURE_RESULT: Final = 3  # also: validation is not implemented [V2G3-A09-51]
NOT_REQUIRED_RESULT: Final = 4


@dataclass(frozen=True)
class Rules:
    """`conformance`: what a test house expects, where the field is better served otherwise.

    `attenuation_offset_db` is added to every group: the loss between modem and plug in this station.
    """

    conformance: bool = False
    attenuation_offset_db: float = 0.0


@dataclass(frozen=True)
class Matched:
    """How a car was let in. `attenuation_db`: mean over all groups as reported; `sounds` are profiles captured."""

    mac: bytes
    run_id: bytes
    sounds: int
    attenuation_db: float
    answer: SlacMatchCnf


@dataclass(frozen=True)
class PilotLevel:
    """What the car shows on the control pilot: IEC 61851-1 state A..F, "?" or "" when nobody looks.

    As good as the guard sees it: it judges a sample each 10 ms and believes the second equal one, and tells each change
    at once. A B or C of a toggle lasts 200 to 400 ms (TP_EV_vald_state_duration), so none is missed; glitches below
    10 ms are never counted.
    """

    level: str


@dataclass
class Car(Talk):
    """The car as this script meets it: only its own, acceptable messages arrive here (`refusal`)."""

    mac: bytes
    run_id: bytes
    station_mac: bytes
    notes: list[str] = field(default_factory=list)  # for the log
    alone: bool = True  # no other car was matching beside it; kept up to date from outside
    level: str = ""  # of the pilot, when the script begins; "" = nobody tells

    def __post_init__(self) -> None:
        super().__init__()


class ChoseAnother(Failed):
    """The car heard our report and never came: it hangs on another station's plug, or gave up."""


async def match(car: Car, key: NetworkKey, rules: Rules) -> Matched:
    """Raises Failed when the car falls silent where the standard does not wait any longer."""
    car.say(parameters(car))
    profiles = await listen(car)
    report = AttenCharInd(
        source_address=car.mac,
        run_id=car.run_id,
        num_sounds=len(profiles) or SOUNDS,
        aag=mean_profile(profiles, rules.attenuation_offset_db) if profiles else assumed(car, rules),
    )
    request = await tell(car, report, rules) or await wait_for_match(car, rules)
    answer = admit(car, request, key)
    car.say(answer)
    return Matched(car.mac, car.run_id, len(profiles), sum(report.aag) / GROUPS, answer)


def parameters(car: Car) -> SlacParmCnf:
    return SlacParmCnf(
        m_sound_target=BROADCAST,
        num_sounds=SOUNDS,
        time_out=SOUND_TIME_OUT,
        forwarding_sta=car.mac,
        run_id=car.run_id,
    )


async def listen(car: Car) -> list[bytes]:
    """The attenuation profiles of this car's sounds: all of them, or those of the first 600 ms."""
    start = await car.next(StartAttenCharInd, until=car.now + START_S)
    if start is None:
        raise Failed("no CM_START_ATTEN_CHAR.IND")
    until = car.now + SOUNDING_S
    profiles: list[bytes] = []
    heard: set[int] = set()
    while len(profiles) < start.num_sounds:
        message = await car.next(MnbcSoundInd, AttenProfileInd, until=until)
        match message:
            case None:
                break
            case AttenProfileInd():
                profiles.append(message.aag)
            case MnbcSoundInd():
                heard.add(message.cnt)
                if len(heard) == start.num_sounds:
                    until = min(until, car.now + SETTLE_S)
    if not profiles and not heard:
        raise Failed("no CM_MNBC_SOUND.IND")
    return profiles


def mean_profile(profiles: list[bytes], offset_db: float) -> bytes:
    """Per carrier group: the mean over all sounds, and the station's own loss on top."""
    totals = [sum(column) for column in zip(*profiles, strict=True)]
    return bytes(min(255, max(0, int(total / len(profiles) + offset_db + 0.5))) for total in totals)


def assumed(car: Car, rules: Rules) -> bytes:
    """Sounds came, but no profile: a modem that does not measure. A lone car is let in all the same (lenient)."""
    if rules.conformance or not car.alone:
        raise Failed("the modem gave no CM_ATTEN_PROFILE.IND")
    car.notes.append("the modem gave no CM_ATTEN_PROFILE.IND: attenuation assumed, this is the only car")
    return bytes([ASSUMED_DB]) * GROUPS


async def tell(car: Car, report: AttenCharInd, rules: Rules) -> SlacMatchReq | None:
    """CM_ATTEN_CHAR.IND until the car has it. A car whose response was lost may be a step ahead (lenient)."""
    for _ in range(1 + ATTEN_CHAR_REPEATS):
        car.say(report)
        until = car.now + RESPONSE_S
        while (answer := await car.next(AttenCharRsp, SlacMatchReq, until=until)) is not None:
            if isinstance(answer, AttenCharRsp):
                return None
            if not rules.conformance:
                car.notes.append("CM_SLAC_MATCH.REQ without CM_ATTEN_CHAR.RSP")
                return answer
    raise Failed("CM_ATTEN_CHAR.IND was not answered")


async def wait_for_match(car: Car, rules: Rules) -> SlacMatchReq:
    """Until the car has chosen us; it may ask for validation first: is it our pilot that it toggles?"""
    until = car.now + MATCH_S
    while True:
        request = await car.next(ValidateReq, SlacMatchReq, until=until)
        if request is None:
            raise ChoseAnother("no CM_SLAC_MATCH.REQ: the car chose another station or gave up")
        if isinstance(request, SlacMatchReq):
            return request
        if not car.level:
            car.say(ValidateCnf(result=FAILURE_RESULT if rules.conformance else NOT_REQUIRED_RESULT))
        elif not request.timer:
            car.say(ValidateCnf(result=READY_RESULT))
        else:
            toggles, match_request = await count_toggles(car, min(TOGGLES_S, (request.timer + 1) * TIMER_S))
            if match_request is not None:
                return match_request
            car.say(ValidateCnf(toggle_num=toggles, result=SUCCESS_RESULT))
        until = car.now + MATCH_S


async def count_toggles(car: Car, seconds: float) -> tuple[int, SlacMatchReq | None]:
    """B-C-B sequences within this time; a car that has seen enough and asks to be let in ends it."""
    until, toggles, level = car.now + seconds, 0, car.level
    while (heard := await car.next(PilotLevel, SlacMatchReq, until=until)) is not None:
        if isinstance(heard, SlacMatchReq):
            return toggles, heard
        toggles += level in {"C", "D"} and heard.level == "B"
        level = heard.level
    return min(toggles, 255), None


def admit(car: Car, request: SlacMatchReq, key: NetworkKey) -> SlacMatchCnf:
    return SlacMatchCnf(
        pev_id=request.pev_id,
        pev_mac=request.pev_mac,
        evse_id=request.evse_id,
        evse_mac=car.station_mac,
        run_id=car.run_id,
        nid=key.nid,
        nmk=key.nmk,
    )


def refusal(message: Mme, mac: bytes, station_mac: bytes) -> str:
    """Why a message is passed over without failing the run, "" = it is good. No stricter than this list: a station
    that also wanted Time_Out = 6 locked out real cars."""
    if getattr(message, "application_type", 0) or getattr(message, "security_type", 0):
        return "application or security type"
    match message:
        case StartAttenCharInd() if message.resp_type != 1 or not message.num_sounds or not message.time_out:
            return "response type, number of sounds or time-out"
        case AttenProfileInd() if message.num_groups != GROUPS:
            return "number of groups"
        case AttenCharRsp() if message.source_address != mac or message.result:
            return "source address or result"
        case AttenCharRsp() if any(message.source_id) or any(message.resp_id):
            return "source or response id"
        case ValidateReq() if message.signal_type:
            return "signal type"
        case SlacMatchReq() if message.mvf_length != 0x3E:
            return "length"
        case SlacMatchReq() if any(message.pev_id) or any(message.evse_id):
            return "PEV or EVSE id"
        case SlacMatchReq() if message.pev_mac != mac or message.evse_mac != station_mac:
            return "PEV or EVSE address"
    return ""
