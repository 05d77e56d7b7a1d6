"""One transaction as a value: what is kept on disk of it, and the three facts it is made of (started, updated, ended).

Pure: the caller says when and why, writes fact and value in one commit, and hands on the fact afterwards; so the
sequence numbers on disk and those told are the same whenever the power goes.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from firmware.station.facts import ChargingState, IdToken, Sample, Transaction

KIND: Final = "transaction"  # of the journal's lasting values
_CARRIES_A: Final = 0.5  # less is a meter's noise
COLLECTED: Final = 60  # samples kept for the last event; they are written with each of the transaction's changes


class Moment(NamedTuple):
    """When something happened: UTC and monotonic seconds, whether UTC is right, whether the back office was away."""

    at: float
    mono: float
    synced: bool = True
    offline: bool = False


class Stop(msgspec.Struct, frozen=True):
    """Why a transaction shall end: ReasonEnumType and TriggerReasonEnumType of OCPP 2.0.1; `id_token` when one did."""

    reason: str
    trigger: str = "AbnormalCondition"
    id_token: IdToken | None = None


class Open(msgspec.Struct, frozen=True):
    """A running transaction as the journal keeps it. `seq_no` is that of the next event."""

    transaction_id: str
    evse: int
    connector: int
    boot_id: str  # of the machine: tells a restart of the controller from a power cut
    started_at: float
    id_token: IdToken | None = None  # None = nobody was authorised yet (TxStartPoint EVConnected)
    group: IdToken | None = None
    seq_no: int = 0
    charging_state: ChargingState = "EVConnected"
    meter_start_wh: float | None = None
    first: Sample | None = None  # the meter when it began
    last: Sample | None = None  # last known meter values
    charged_s: float = 0.0
    remote_start_id: int | None = None
    stop: Stop | None = None  # decided, but current may still flow
    paused: str = ""  # what the car's protocol needs to go on after a pause; "" = it is not paused
    told: bool = True  # False: its start point (EnergyTransfer, DataSigned) has not come; nothing of it is an event yet
    connected: bool = True  # the plug has been in since its start (TxStartPoint Authorized: it may follow)
    stop_told: bool = False  # energy has ended for `stop`; it waits for its stop point, the plug
    collected: tuple[Sample, ...] = ()  # for the last event (TxEndedInterval)
    placed: bool = True  # False: at which EVSE the plug will come is not known yet
    phases_used: int | None = None  # as last told
    energy_until_wh: float | None = None  # of the meter's register: its token is no longer good, no more may be drawn


#: What a stop command or an event means in OCPP 2.0.1 words. The reasons that only OCPP 1.6 has keep their trigger, so
#: that a 1.6 dialect finds them again: (Other, UnlockCommand), (Reboot, ResetCommand), (ImmediateReset, ResetCommand).
STOPS: Final[dict[str, Stop]] = {
    "Local": Stop("Local", "StopAuthorized"),
    "MasterPass": Stop("MasterPass", "StopAuthorized"),
    "Remote": Stop("Remote", "RemoteStop"),
    "EVDisconnected": Stop("EVDisconnected", "EVCommunicationLost"),
    "StoppedByEV": Stop("StoppedByEV", "ChargingStateChanged"),
    "SessionStop": Stop("StoppedByEV", "StopAuthorized"),  # the car said so, by ISO 15118 (E15.FR.04, FR.05)
    "DeAuthorized": Stop("DeAuthorized", "Deauthorized"),
    "EnergyLimitReached": Stop("EnergyLimitReached", "EnergyLimitReached"),
    "TimeLimitReached": Stop("TimeLimitReached", "TimeLimitReached"),
    "SOCLimitReached": Stop("SOCLimitReached", "EnergyLimitReached"),
    "Timeout": Stop("Timeout", "EVConnectTimeout"),
    "ImmediateReset": Stop("ImmediateReset", "ResetCommand"),
    "HardReset": Stop("ImmediateReset", "ResetCommand"),
    "SoftReset": Stop("Reboot", "ResetCommand"),
    "UnlockCommand": Stop("Other", "UnlockCommand"),
    "EmergencyStop": Stop("EmergencyStop"),
    "GroundFault": Stop("GroundFault"),
    "OvercurrentFault": Stop("OvercurrentFault"),
    "PowerQuality": Stop("PowerQuality"),
    "PowerLoss": Stop("PowerLoss"),
    "Reboot": Stop("Reboot"),
    "Other": Stop("Other"),
}


def begin(
    transaction: Open, now: Moment, trigger: str, sample: Sample | None, cable_a: float
) -> tuple[Open, Transaction]:
    """The first event. Carries the token, the remote start id and the meter's start (E01, E02, F01.FR.25); whose meter
    that is must be known for it (E01.FR.09)."""
    if transaction.placed:
        transaction, sample = _metered(transaction, sample)
    samples = () if sample is None or not transaction.placed else (sample,)
    started = _event(transaction, "Started", now, trigger, samples)
    started = msgspec.structs.replace(
        started,
        id_token=transaction.id_token,
        remote_start_id=transaction.remote_start_id,
        cable_max_current_a=cable_a or None,
        unclaimed=transaction.id_token is None,
    )
    return _next(transaction), started


def update(
    transaction: Open,
    now: Moment,
    trigger: str,
    charging_state: ChargingState,
    sample: Sample | None,
    *,
    id_token: IdToken | None = None,
    remote_start_id: int | None = None,
) -> tuple[Open, Transaction]:
    """Something changed or a sample is due. `id_token`: the one that was authorised, or that stopped it."""
    sample = _never_less(transaction, sample) if transaction.placed else None
    transaction = msgspec.structs.replace(
        transaction, charging_state=charging_state, last=sample if sample is not None else transaction.last
    )
    phases = _phases_used(sample) if charging_state == "Charging" else None
    is_news = phases != transaction.phases_used or trigger in {"ChargingStateChanged", "ChargingRateChanged"}
    transaction = msgspec.structs.replace(transaction, phases_used=phases or transaction.phases_used)
    event = _event(transaction, "Updated", now, trigger, () if sample is None else (sample,))
    event = msgspec.structs.replace(
        event,
        id_token=id_token,
        remote_start_id=remote_start_id,
        unclaimed=transaction.id_token is None,
        phases_used=phases if is_news else None,
    )
    return _next(transaction), event


def connect(
    transaction: Open, now: Moment, connector: int, charging_state: ChargingState, sample: Sample | None
) -> tuple[Open, Transaction]:
    """The plug came to a transaction that began without it: from here on it is known where, and the meter's start is
    that of this EVSE (E01.FR.16, FR.17)."""
    transaction, sample = _metered(transaction, sample)
    transaction = msgspec.structs.replace(transaction, connected=True, placed=True, connector=connector)
    return update(transaction, now, "CablePluggedIn", charging_state, sample)


def end(
    transaction: Open, now: Moment, stop: Stop, charging_state: ChargingState, sample: Sample | None
) -> Transaction:
    """The last event, with the meter's start and stop: the sample, or what was last known with the time it was known.
    What the meter signed at the start is told again here (signed meter values 1.0, 4.1.2)."""
    final = _never_less(transaction, sample if sample is not None else transaction.last)
    samples: tuple[Sample, ...] = ()
    if final is not None and transaction.placed:
        first = () if transaction.first is None else (transaction.first,)
        samples = (*first, *transaction.collected, msgspec.structs.replace(final, context="Transaction.End"))
    transaction = msgspec.structs.replace(transaction, charging_state=charging_state)
    ended = _event(transaction, "Ended", now, stop.trigger, samples)
    return msgspec.structs.replace(
        ended,
        stopped_reason=stop.reason,
        id_token=stop.id_token,  # E07.FR.02: the token that stopped it; none for a remote stop or a reset
        time_spent_charging_s=round(transaction.charged_s, 1),
        unclaimed=transaction.id_token is None,
    )


def collect(transaction: Open, sample: Sample) -> Open:
    """One more sample for the last event. Where there are too many, the 1st, 3rd, 5th ... of them go (E06.FR.13)."""
    collected = transaction.collected if len(transaction.collected) < COLLECTED else transaction.collected[1::2]
    rising = _never_less(transaction, sample) or sample
    return msgspec.structs.replace(transaction, collected=(*collected, rising), last=rising)


def interrupted(transaction: Open, *, boot_id: str, unplugged: bool, reset: bool) -> Stop:
    """Why a transaction ended whose grant was gone when the controller came back."""
    if transaction.stop is not None:
        return transaction.stop  # it was ending anyway
    if reset:
        return STOPS["ImmediateReset"]
    if transaction.boot_id != boot_id:
        return STOPS["PowerLoss"]
    return STOPS["EVDisconnected"] if unplugged else STOPS["Reboot"]


def replace_trigger(stop: Stop, trigger: str) -> Stop:
    """The same reason, told at another occasion; the token that stopped it was told already."""
    return Stop(stop.reason, trigger)


def encode(transaction: Open) -> str:
    return msgspec.json.encode(transaction).decode()


def decode(text: str) -> Open:
    """Raises msgspec.MsgspecError."""
    return msgspec.json.decode(text, type=Open)


def _metered(transaction: Open, sample: Sample | None) -> tuple[Open, Sample | None]:
    """This is the meter's start."""
    if sample is None:
        return transaction, None
    sample = msgspec.structs.replace(sample, context="Transaction.Begin")
    return msgspec.structs.replace(transaction, meter_start_wh=sample.energy_wh, first=sample, last=sample), sample


def _never_less(transaction: Open, sample: Sample | None) -> Sample | None:
    """Within a transaction a register never falls (J02.FR.16): of a meter that says less than before, what it said
    before counts."""
    last = transaction.last
    if sample is None or last is None or sample.energy_wh >= last.energy_wh:
        return sample
    return msgspec.structs.replace(sample, energy_wh=last.energy_wh)


def _phases_used(sample: Sample | None) -> int | None:
    """Phases that carry current (E02.FR.18); None where DC flows, or nothing does."""
    if sample is None or len(sample.current_a) < len(sample.voltage_v):
        return None
    return sum(amps > _CARRIES_A for amps in sample.current_a) or None


def _next(transaction: Open) -> Open:
    return msgspec.structs.replace(transaction, seq_no=transaction.seq_no + 1)


def _event(transaction: Open, kind: str, now: Moment, trigger: str, samples: Sequence[Sample]) -> Transaction:
    return Transaction(
        at=now.at,
        mono=now.mono,
        clock_synced=now.synced,
        kind=kind,  # type: ignore[arg-type]  # one of the three, given above
        transaction_id=transaction.transaction_id,
        seq_no=transaction.seq_no,
        trigger=trigger,
        evse=transaction.evse,
        connector=transaction.connector,
        charging_state=transaction.charging_state,
        samples=tuple(samples),
        offline=now.offline,
        meter_start_wh=transaction.meter_start_wh,
        placed=transaction.placed,
    )
