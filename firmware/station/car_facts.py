"""What happened between the station and a car, its modem and our certificates for it: facts that the session report and
the status page read and no back office is told.
"""

from typing import Literal

import msgspec

from firmware.station.fact import Fact


class AnswerTimes(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long one kind of answer took in a session, in s, of the time that the standard allows for it; `late`: how
    many took longer."""

    name: str
    count: int
    median_s: float
    p99_s: float
    max_s: float
    allowed_s: float
    late: int = 0


class CarMessage(Fact, frozen=True, kw_only=True, tag="car_message"):
    """One V2G message. `direction`: from_car, to_car. An answer says how long after its request it left, and how long
    it might have taken, in s."""

    evse: int
    session: str
    direction: Literal["from_car", "to_car"]
    protocol: str
    name: str
    text: str = ""  # the one-line log form
    size: int = 0
    took_s: float | None = None
    allowed_s: float | None = None


class CarSession(Fact, frozen=True, kw_only=True, tag="car_session"):
    """A digital session began or ended, and why; at its end, how our answers kept their deadlines, and which of the
    car's ways we had to put up with (names of firmware/v2g/quirks.toml)."""

    evse: int
    session: str
    kind: Literal["Started", "Ended"]
    protocol: str = ""
    evccid: str = ""
    reason: str = ""
    answers: tuple[AnswerTimes, ...] = ()
    quirks: tuple[str, ...] = ()


class CarTls(Fact, frozen=True, kw_only=True, tag="car_tls"):
    """TLS with a car was agreed, or not, and why not. `offered`: the car's versions and cipher suites; `chain`: which
    of our certificate chains answered, and `root_known` whether the car named its root; `vehicle`: the common name of
    its certificate, "" without one."""

    evse: int
    agreed: bool
    offered: str = ""
    version: str = ""
    suite: str = ""
    chain: str = ""
    root_known: bool = False
    stapled: bool = False
    vehicle: str = ""
    reason: str = ""


class PacketCapture(Fact, frozen=True, kw_only=True, tag="packet_capture"):
    """The packets between car and station are being written to a file (pcapng) in the storage's `captures`, or it is
    finished. `left_out`: packets there was no room for; `secrets`: TLS keys are inside; `reason`: why it is not whole.
    """

    evse: int
    file: str
    kind: Literal["Began", "Ended"]
    packets: int = 0
    size: int = 0
    left_out: int = 0
    secrets: bool = False
    reason: str = ""


class CertificateHealth(Fact, frozen=True, kw_only=True, tag="certificate_health"):
    """Something about our certificates that somebody should know; told when it is found, when they are read."""

    evse: int
    severity: Literal["fault", "warning", "note"]
    where: str
    text: str
    remedy: str = ""


class ModemStatus(Fact, frozen=True, kw_only=True, tag="modem"):
    """The power-line modem of an EVSE: found, gone, or reset (`resets` counts them). `firmware` in its own words."""

    evse: int
    interface: str
    make: str
    present: bool
    firmware: str = ""
    mac: str = ""
    resets: int = 0
    reason: str = ""


class DataLinkStatus(Fact, frozen=True, kw_only=True, tag="data_link"):
    """What SLAC came to. `attenuation_db`: mean over all carrier groups as told to the car; `sounds` captured."""

    evse: int
    state: str
    reason: str = ""
    car_mac: str = ""
    run_id: str = ""
    attenuation_db: float | None = None
    sounds: int = 0
