"""The connection profiles, passwords and certificates as rows of the device model (2.0.1 part 2 referenced components
2.1 and 2.2; 2.1: component NetworkConfiguration).
"""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Final

import msgspec

from firmware.config import OcppSettings
from firmware.ocpp.network_profiles import (
    MAX_PASSWORD,
    MIN_PASSWORD,
    SLOTS,
    Profile,
    Secret,
    refuses_password,
    refuses_url,
)
from firmware.ocpp.uplink import Uplink
from firmware.ocpp.variables import Variable, fixed, live, number, switch
from firmware.station.station import Station

COMM: Final = "OCPPCommCtrlr"
CTRL: Final = "SecurityCtrlr"
CAR: Final = "ISO15118Ctrlr"
NETWORK: Final = "NetworkConfiguration"
CAPACITY: Final = 32  # certificates
CHAIN_SIZE: Final = 10_000
INTERFACES: Final = (*(f"Wired{n}" for n in range(4)), *(f"Wireless{n}" for n in range(4)), "Any")
VERSIONS: Final = ("OCPP12", "OCPP15", "OCPP16", "OCPP20", "OCPP201", "OCPP21")


def rows(station: Station, settings: OcppSettings, uplink: Uplink) -> list[Variable]:
    """Rows whose values live in the connection profiles."""
    profiles = uplink.profiles
    password = Variable(
        CTRL,
        "BasicAuthPassword",
        "string",
        "WriteOnly",
        key="AuthorizationKey",
        minimum=MIN_PASSWORD,
        maximum=MAX_PASSWORD,
        check=refuses_password,
        write=lambda text: uplink.set_password(Secret(text)),
    )
    priority = Variable(
        COMM,
        "NetworkConfigurationPriority",
        "SequenceList",
        "ReadWrite",
        values=tuple(map(str, SLOTS)),
        reboot=True,
        read=lambda: ",".join(map(str, profiles.order())),
        check=profiles.refuses_order,
        write=lambda text: profiles.set_order(tuple(int(each) for each in text.split(","))),
    )
    found = [
        password,
        priority,
        number(COMM, "NetworkProfileConnectionAttempts", 3, low=1, high=100),
        live(COMM, "ActiveNetworkProfile", "integer", lambda: str(profiles.active)),
        replace(live(CTRL, "SecurityProfile", "integer", lambda: str(profiles.level)), key="SecurityProfile"),
        live(CTRL, "Identity", "string", lambda: settings.identity),
        number(CTRL, "CertSigningWaitMinimum", 30, low=1, key="CertSigningWaitMinimum", unit="s"),
        number(CTRL, "CertSigningRepeatTimes", 3, low=0, high=20, key="CertSigningRepeatTimes"),
        number(
            CTRL, "MaxCertificateChainSize", CHAIN_SIZE, low=1000, high=CHAIN_SIZE, key="CertificateSignedMaxChainSize"
        ),
        switch(CTRL, "AdditionalRootCertificateCheck", False, key="AdditionalRootCertificateCheck"),
        replace(live(CTRL, "CertificateEntries", "integer", lambda: _entries(station)), maximum=CAPACITY),
        switch(CAR, "V2GCertificateInstallationEnabled", True),
        Variable(CAR, "SeccId", "string", "ReadWrite", maximum=64),
        Variable(CAR, "CountryName", "string", "ReadWrite", maximum=2),
        Variable(CAR, "OrganizationName", "string", "ReadWrite", maximum=64),
        switch("ChargingStation", "AllowNewSessionsPendingFirmwareUpdate", False),
        replace(
            fixed(COMM, "FileTransferProtocols", "MemberList", _file_protocols()),
            key="SupportedFileTransferProtocols",
        ),
    ]
    return [*found, *(row for slot in SLOTS for row in _slot_rows(uplink, slot))]


def _file_protocols() -> str:
    """SFTP where its library is installed."""
    return "HTTPS,HTTP,FTPS,FTP" + (",SFTP" if find_spec("asyncssh") is not None else "")


def _entries(station: Station) -> str:
    return str(station.certificates.entries()) if station.certificates is not None else "0"


def _slot_rows(uplink: Uplink, slot: int) -> list[Variable]:
    """2.1 NetworkConfiguration[slot]: what may be set while the slot is not among the priorities (B09.FR.22 to 25)."""
    profiles = uplink.profiles

    def free(_: str) -> str:
        return f"slot {slot} is in use" if slot in profiles.order() else ""

    def read(name: str) -> Callable[[], str]:
        def value() -> str:
            profile = profiles.get(slot)
            return str(getattr(profile, name)) if profile is not None else ""

        return value

    def write(name: str) -> Callable[[str], None]:
        def change(text: str) -> None:
            profile = profiles.get(slot) or Profile(slot, "", 0, 30)
            value = int(text) if isinstance(getattr(profile, name), int) else text
            profiles.set(msgspec.structs.replace(profile, **{name: value}))

        return change

    def url_check(text: str) -> str:
        profile = profiles.get(slot)
        level = profile.security_profile if profile is not None else 2 if text.startswith("wss:") else 1
        return free(text) or refuses_url(text, level)

    def level_check(text: str) -> str:
        if int(text) < profiles.level:
            return f"security profile {profiles.level} is in use"
        return free(text)

    def secret_check(text: str) -> str:
        return free(text) or refuses_password(text)

    def row(name: str, field: str, check: Callable[[str], str], **more: object) -> Variable:
        kind = more.pop("kind", "string")
        plain = Variable(NETWORK, name, kind, "ReadWrite", component_instance=str(slot), **more)  # type: ignore[arg-type]
        return replace(plain, read=read(field), write=write(field), check=check)

    password = Variable(
        NETWORK,
        "BasicAuthPassword",
        "string",
        "WriteOnly",
        minimum=MIN_PASSWORD,
        maximum=MAX_PASSWORD,
        component_instance=str(slot),
        check=secret_check,
        write=lambda text: profiles.set_secret(slot, Secret(text)),
    )
    off = [
        replace(fixed(NETWORK, name, "boolean", "false"), component_instance=str(slot))
        for name in ("VpnEnabled", "ApnEnabled")
    ]
    json = replace(
        fixed(NETWORK, "OcppTransport", "OptionList", "JSON"), values=("JSON",), component_instance=str(slot)
    )
    return [
        row("OcppCsmsUrl", "url", url_check, maximum=500),
        row("SecurityProfile", "security_profile", level_check, kind="integer", minimum=0, maximum=3),
        row("MessageTimeout", "message_timeout_s", free, kind="integer", minimum=1, maximum=300, unit="s"),
        row("OcppInterface", "interface", free, kind="OptionList", values=INTERFACES),
        row("OcppVersion", "version", free, kind="OptionList", values=VERSIONS),
        row("Identity", "identity", free, maximum=48),
        json,
        password,
        *off,
    ]
