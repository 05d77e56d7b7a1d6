"""station.toml as typed settings: which EVSEs, which car interface, which back office, who may charge.

Reading and complaining (file, line, section, key, nearest right key) is `hal.toml`'s; this file only says what exists.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hal.toml import load

Amps = Annotated[float, Meta(ge=0, le=1000)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
ParameterName = Annotated[str, Meta(min_length=1, max_length=64)]
ParameterNumber = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
EvseNumber = Annotated[int, Meta(ge=1, le=64)]


class StationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[station]: who we are and where we keep things."""

    vendor: Annotated[str, Meta(min_length=1, max_length=20)] = "Pilotline"
    model: Annotated[str, Meta(min_length=1, max_length=20)] = "Pilotline"
    serial: Annotated[str, Meta(max_length=25)] = ""
    storage: str = "/var/lib/pilotline"
    guard_socket: str = "/run/pilotline/guard.sock"
    control_socket: str = "/run/pilotline/control.sock"  # `pilotline status` asks here


class EvseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[evse]]: one EVSE; `connectors` are the board's connector numbers."""

    id: EvseNumber
    connectors: Annotated[tuple[int, ...], Meta(min_length=1)] = (1,)
    max_current_a: Amps | None = None  # below what the board can do; None = the board's own limit
    evse_id: Annotated[str, Meta(min_length=7, max_length=37)] = "DE*PLT*E000001"  # ISO 15118-2 EVSEIDType / eMI3


class BudgetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[budget]: the current shared by all EVSEs (per phase), and what a single one gets when the controller is gone.
    `grid_current_a`: of the grid connection that they share with the house, whose meter is the board's [site_meter]."""

    max_current_a: Amps | None = None
    grid_current_a: Amps | None = None
    failsafe_current_a: Amps = 6.0
    ride_through_s: Seconds = 120.0


class AuthorizationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[authorization]: `free` charges everyone; `csms` asks the back office, then local list and cache when offline;
    `local` asks only the list."""

    mode: Literal["free", "csms", "local"] = "csms"
    free_token: str = "FREE"  # noqa: S105 - a name, no secret
    local_list: tuple[str, ...] = ()
    offline_unknown: bool = False  # accept unknown tokens while the back office is out of reach
    cache: bool = True
    connection_timeout_s: Seconds = 60.0  # from token to plug-in
    autocharge: Literal["off", "evccid", "mac"] = "off"  # the car as its own token; anybody can imitate both


class SlacSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[v2g.slac] after its [[v2g]]: matching over the power line (ISO 15118-3)."""

    attenuation_offset_db: Annotated[float, Meta(ge=-40, le=40)] = 0.0  # loss between modem and plug, added to reports
    init_s: Seconds = 40.0  # no car is heard at 5 %: wake it up (TT_EVSE_SLAC_init, 20-50 s)
    reset_modem: bool = False  # reset the modem after each session


V2gProtocol = Literal["iso2", "din"]


class UseCaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[v2g.use_case]: ISO 15118-2 service 4, one set of values that a car may read."""

    parameters: Annotated[dict[ParameterName, bool | ParameterNumber | str], Meta(min_length=1, max_length=15)]
    name: Annotated[str, Meta(min_length=1, max_length=32)] = "UseCaseInformation"
    scope: Annotated[str, Meta(max_length=64)] = ""  # cars may ask for services of one scope only


class V2gSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[v2g]]: digital communication of one EVSE."""

    evse: EvseNumber
    interface: Annotated[str, Meta(min_length=1, max_length=15)]
    tls: Literal["prohibit", "allow", "force"] = "prohibit"
    pki: Annotated[str, Meta(min_length=1)] = (
        "/var/lib/pilotline/pki"  # see `pilotline pki`; read when tls is not prohibit
    )
    conformance: bool = False  # as a test house wants it: a car of ISO 15118-20 must show a vehicle certificate, ...
    tls_key_log: str | None = None  # file for TLS secrets (Wireshark): service work only, raises a security event
    capture: bool = False  # one pcapng file per plug-in in storage/captures, for Wireshark: service work only
    protocols: Annotated[tuple[V2gProtocol, ...], Meta(min_length=1)] = ("iso2", "din")  # served where they can be
    contracts: Literal["csms", "off"] = "csms"  # Plug & Charge: needs tls, contract roots in pki, and [ocpp]
    contract_roots: Annotated[tuple[Literal["mo", "v2g"], ...], Meta(min_length=1)] = ("mo",)  # who may issue contracts
    meter_receipts_s: Seconds | None = None  # the car signs the meter reading this often (contracts only); none = never
    renegotiate_dc: bool = False  # ask DC cars too to plan anew; they repeat cable check and pre-charge
    # services besides charging: what a car may use of the internet, and the command that lets it (v2g/services.py)
    internet: tuple[Literal["ftp", "http", "https"], ...] = ()
    internet_gate: tuple[str, ...] = ()
    use_case: UseCaseSettings | None = None
    sdp_port: Annotated[int, Meta(ge=1, le=65535)] = 15118
    # the interface carries the car's frames without a modem (rig, bench): link is up while the plug is in
    modem: Literal["none", "qca7000", "cg5317", "simulated"] = "none"
    slac: SlacSettings = SlacSettings()
    # AC, authorised, but no digital session: offer nominal PWM. Twice the 10 s a car has to begin SLAC (ISO 15118-3
    # TP_EV_SLAC_init), because most cars at AC never do and wait that long for nothing; cars that need 30 s to begin
    # anew after a failed session get slac.init_s there, whatever this says
    nominal_after_s: Seconds = 20.0


QuirkName = Literal["authorization_key_as_text", "boot_at_every_connection", "evcc", "no_security_extension"]


class OcppSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[ocpp]: the back office. `versions` in order of preference; the identity is appended to the URL."""

    url: Annotated[str, Meta(pattern="^wss?://", description="an address that begins with ws:// or wss://")]
    identity: Annotated[str, Meta(min_length=1, max_length=48)]
    versions: Annotated[tuple[Literal["2.1", "2.0.1", "1.6"], ...], Meta(min_length=1)] = ("2.0.1", "1.6")
    password: Annotated[str, Meta(max_length=40)] | None = None
    ca_file: str | None = None  # roots for the back office while it has installed none itself; none = the system's
    security_profile: Annotated[int, Meta(ge=0, le=3)] | None = None  # none = what url, password and certificate say
    client_certificate: str | None = None  # our chain and its key (PEM), for security profile 3, until renewed
    client_key: str | None = None
    quirks: tuple[QuirkName, ...] = ()  # of this back office; what they mean: firmware/ocpp/quirks.toml
    meter_interval_s: Seconds = 60.0
    ping_interval_s: Seconds = 30.0
    frame_logs: Annotated[int, Meta(ge=0, le=1000)] = 20  # recorded connections kept, 0.5 MB each at most; 0 = none


class UpdateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[update]: new software by order of the back office."""

    installer: tuple[str, ...] = ()  # the A/B updater's command (see firmware/update/updater.py); () = no updates
    roots: str | None = None  # PEM file: who signs software for us, while the back office has installed no other
    unsigned: bool = False  # take software without a signature: only where the file server can be trusted


class TransferSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[transfer]: files from and to servers that the back office names; by SFTP only with asyncssh installed."""

    known_hosts: str | None = None  # SFTP servers' keys (OpenSSH's format); none = believe and remember the first
    ssh_key: str | None = None  # our private key for SFTP servers; none = the password of the address alone


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole station.toml."""

    station: StationSettings = StationSettings()
    evse: Annotated[tuple[EvseSettings, ...], Meta(min_length=1)] = (EvseSettings(id=1),)
    budget: BudgetSettings = BudgetSettings()
    authorization: AuthorizationSettings = AuthorizationSettings()
    v2g: tuple[V2gSettings, ...] = ()
    ocpp: OcppSettings | None = None
    update: UpdateSettings = UpdateSettings()
    transfer: TransferSettings = TransferSettings()

    @property
    def storage(self) -> Path:
        return Path(self.station.storage)


def read(path: Path) -> Settings:
    """Read and check a station file. Raises ConfigError with every fault it found."""
    return load(path, Settings)
