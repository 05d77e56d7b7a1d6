"""What one OCPP version must offer so that `session` and `outbox` need not know it: the seam between the station's
facts and commands and a version's messages. Each version fills it with two tables: fact -> calls, call -> command.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

import msgspec
from msgspec import UnsetType

from firmware.ocpp.cost import CostDesk
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.monitoring import Monitors
from firmware.ocpp.ocpp_j import Flavour
from firmware.ocpp.payload import Payload, moment
from firmware.ocpp.uplink import Uplink
from firmware.station.authorization import Verdict
from firmware.station.certificates import HashData, OwnUse
from firmware.station.contracts import Action, CertificateAnswer, ContractVerdict, OcspRequestData, PresentedContract
from firmware.station.facts import AnyFact, ConnectorStatus, IdToken
from firmware.station.station import Station

RegistrationStatus = Literal["Accepted", "Pending", "Rejected"]


class Outgoing(msgspec.Struct, frozen=True):
    """A CALL we want to make."""

    action: str
    payload: Payload
    response: type[Payload]


class Answer(msgspec.Struct, frozen=True):
    """Our answer to a CALL, and what is sent after it (TriggerMessage, reports): each CALL is taken when it can be
    sent, so a generator may make them one by one."""

    response: Payload
    then: Iterable[Outgoing] = ()


class Refusal(Exception):
    """A CALL that is answered with a CALLERROR: code and description."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


def instant(said: str | UnsetType) -> float | None:
    """An optional time as UTC seconds. Raises Refusal when it looks like one but is none (30 February)."""
    if isinstance(said, UnsetType):
        return None
    read = moment(said)
    if read is None:
        raise Refusal("PropertyConstraintViolation", f"{said} is no time")
    return read


class Registration(msgspec.Struct, frozen=True):
    """Answer to BootNotification. `current_time`: UTC seconds, None when unreadable."""

    status: RegistrationStatus
    interval: int
    current_time: float | None


class Shape(msgspec.Struct, frozen=True):
    """The configuration that shapes a fact's messages; kept with the facts, so that they are rendered as they were
    configured when they happened."""

    started: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    aligned: tuple[str, ...] = ()
    aligned_ended: tuple[str, ...] = ()
    signed: bool = False  # signed values of the meter go along with sampled ones
    aligned_signed: bool = False
    public_key: str = "Never"  # of the meter, with what it signed: Never, OncePerTransaction, EveryMeterValue

    @classmethod
    def of(cls, model: DeviceModel) -> "Shape":
        return cls(
            started=model.members("SampledDataCtrlr.TxStartedMeasurands"),
            updated=model.members("SampledDataCtrlr.TxUpdatedMeasurands"),
            ended=model.members("SampledDataCtrlr.TxEndedMeasurands"),
            aligned=model.members("AlignedDataCtrlr.Measurands"),
            aligned_ended=model.members("AlignedDataCtrlr.TxEndedMeasurands"),
            signed=model.signs and model.flag("SampledDataCtrlr.SignReadings"),
            aligned_signed=model.signs and model.flag("AlignedDataCtrlr.SignReadings"),
            public_key=model.text("OCPPCommCtrlr.PublicKeyWithSignedMeterValue"),
        )


class Learnt(msgspec.Struct, frozen=True):
    """What the answer to a fact's CALL tells: a verdict on its token, the back office's number of the transaction, what
    becomes of a car's needs (K15.FR.03-05)."""

    verdict: Verdict | None = None
    remote_id: str | None = None
    needs: str | None = None
    cost: float | None = None  # running, or total where it answers an end (I02, I03)
    personal: str = ""  # news of the tariff (I06)


class TransactionNames(Protocol):
    """Which number the back office gave a transaction (1.6 only)."""

    def remote_id(self, transaction_id: str) -> str | None: ...

    def local_id(self, remote_id: str) -> str | None: ...

    async def waiting(self, transaction_id: str | None) -> bool:
        """Are messages (of this transaction) still to be delivered?"""
        ...


class Office(msgspec.Struct, frozen=True):
    """What the answer to a CALL may need: the station, its variables, and how we stand with the back office."""

    station: Station
    model: DeviceModel
    names: TransactionNames
    registration: RegistrationStatus
    firmware: str
    uplink: Uplink
    monitors: Monitors
    cost: CostDesk


class Contracts(Protocol):
    """How a version asks about contracts of cars, and reads the answers."""

    def authorize(self, contract: PresentedContract) -> Outgoing: ...

    def authorized(self, response: Payload) -> ContractVerdict | None:
        """None: this back office knows no contracts."""
        ...

    def exchange(self, action: Action, exi_request: str, schema: str) -> Outgoing: ...

    def exchanged(self, response: Payload) -> CertificateAnswer: ...

    def status(self, request: OcspRequestData) -> Outgoing: ...

    def status_of(self, response: Payload) -> bytes | None: ...


class Dialect(Protocol):
    """One OCPP version."""

    @property
    def contracts(self) -> Contracts: ...

    @property
    def flavour(self) -> Flavour: ...

    @property
    def numbers_transactions(self) -> bool:
        """The back office numbers a transaction in its answer to the start; what follows cannot be worded before."""
        ...

    @property
    def requests(self) -> Mapping[str, type[Payload]]:
        """The CALLs we serve: action -> message."""
        ...

    @property
    def known(self) -> frozenset[str]:
        """Actions of this version that we do not serve."""
        ...

    def boot(self, station: Station, reason: str, firmware: str) -> Outgoing: ...

    def registration(self, response: Payload) -> Registration: ...

    def heartbeat(self) -> Outgoing: ...

    def current_time(self, response: Payload) -> float | None: ...

    def authorize(self, id_token: IdToken) -> Outgoing: ...

    def verdict(self, response: Payload) -> Verdict: ...

    def status(self, fact: ConnectorStatus) -> Outgoing: ...

    def status_content(self, fact: ConnectorStatus) -> tuple[str, ...]:
        """What `status` says of the connector, its time apart: equal contents are reported once."""
        ...

    def station_status(self, station: Station) -> ConnectorStatus | None:
        """The status of the station as a whole, where the version has one (1.6 connector 0)."""
        ...

    def calls(self, fact: AnyFact, shape: Shape, remote_id: str | None) -> tuple[Outgoing, ...]:
        """The CALLs that report a fact; () for facts this version does not report. Their number depends only on fact
        and shape, never on `remote_id`."""
        ...

    def learn(self, response: Payload) -> Learnt: ...

    def sign_certificate(self, csr: str, use: OwnUse, request_id: int, root: HashData | None) -> Outgoing | None:
        """The CALL that has a certificate of ours signed. None: not in this version."""
        ...

    def will_sign(self, response: Payload) -> bool:
        """Does the answer to it promise one?"""
        ...

    async def answer(self, request: Payload, office: Office) -> Answer:
        """Carry out what the back office asks. Raises Refusal."""
        ...
