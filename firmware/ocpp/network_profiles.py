"""Where the back office is and how we prove who we are: the connection profiles in their slots, and the passwords.

Slot 1 is what station.toml says until a back office sets it anew (2.x SetNetworkProfile, B09). All of it is kept with
the station's lasting values; another [ocpp] in station.toml than the one it was made for makes it void: somebody who
stands at the station has the last word. Which profile is dialled when is `routes`'s.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from firmware.config import OcppSettings
from firmware.station.station import Station

log = logging.getLogger(__name__)

SLOTS: Final = (1, 2, 3)
FILE_SLOT: Final = 1
MIN_PASSWORD: Final = 16  # A00.FR.205
MAX_PASSWORD: Final = 40
HEX: Final = frozenset("0123456789abcdefABCDEF")
_VOID: Final = "ocpp/network/file"
_PRIORITY: Final = "OCPPCommCtrlr.NetworkConfigurationPriority"


class Profile(msgspec.Struct, frozen=True):
    """One slot. `identity` "" = the station's. `message_timeout_s` 0 = as the variable says."""

    slot: int
    url: str
    security_profile: int
    message_timeout_s: int = 0
    interface: str = "Wired0"
    version: str = ""  # as it was told; the subprotocol is negotiated
    identity: str = ""


class Secret(msgspec.Struct, frozen=True):
    """A password; `octets`: the text is hexadecimal and means these bytes (1.6 AuthorizationKey)."""

    text: str
    octets: bool = False

    @property
    def data(self) -> bytes:
        return bytes.fromhex(self.text) if self.octets else self.text.encode()


class Secrets(msgspec.Struct, frozen=True):
    """The password in use; the one before it until a connection with the new one came about."""

    current: Secret | None = None
    old: Secret | None = None


class Refused(msgspec.Struct, frozen=True):
    """Why a profile or an order of profiles is not taken: a reason code of 2.x (20 characters), and for people."""

    code: str
    text: str


class Profiles:
    """The slots, their passwords, their order, and which one was connected last."""

    def __init__(self, station: Station, settings: OcppSettings) -> None:
        self._station = station
        self._settings = settings

    def load(self) -> None:
        """Forget what was set if station.toml names another back office now. The journal must be loaded."""
        mark = _mark(self._settings)
        if self._station.variable(_VOID) == mark:
            return
        if self._station.variable(_VOID):
            log.info("station.toml names another back office: what a back office had set is void")
        for slot in SLOTS:
            self._station.set_variable(_of(slot), "")
            self._station.set_variable(_secret_of(slot), "")
        for name in (_PRIORITY, "ocpp/network/active", "ocpp/network/level"):
            self._station.set_variable(name, "")
        self._station.set_variable(_VOID, mark)

    # --- slots ------------------------------------------------------------------------------------------------------

    def get(self, slot: int) -> Profile | None:
        text = self._station.variable(_of(slot))
        if text == "-":
            return None  # removed: its security profile was lower (A05.FR.06)
        try:
            if text:
                return msgspec.json.decode(text, type=Profile)
        except msgspec.MsgspecError as error:
            log.error("network profile %d cannot be read, it is dropped: %s", slot, error)
        return self._from_file() if slot == FILE_SLOT else None

    def _from_file(self) -> Profile:
        return Profile(FILE_SLOT, self._settings.url, file_profile(self._settings))

    def set(self, profile: Profile) -> None:
        self._station.set_variable(_of(profile.slot), msgspec.json.encode(profile).decode())

    def undoing(self, slot: int) -> Callable[[], None]:
        """Puts back what the slot holds now."""
        before = {name: self._station.variable(name) for name in (_of(slot), _secret_of(slot))}

        def undo() -> None:
            for name, text in before.items():
                self._station.set_variable(name, text)

        return undo

    def remove(self, slot: int) -> None:
        self._station.set_variable(_of(slot), "-")

    def identity(self, profile: Profile) -> str:
        return profile.identity or self._settings.identity

    # --- order ------------------------------------------------------------------------------------------------------

    def order(self) -> tuple[int, ...]:
        """The configured slots in order of priority; never empty while one is configured."""
        text = self._station.variable(_PRIORITY)
        wanted = [int(each) for each in text.split(",") if each.strip().isdigit()] if text else [FILE_SLOT]
        known = tuple(slot for slot in wanted if slot in SLOTS and self.get(slot) is not None)
        return known or tuple(slot for slot in SLOTS if self.get(slot) is not None)

    def set_order(self, slots: tuple[int, ...]) -> None:
        self._station.set_variable(_PRIORITY, ",".join(map(str, slots)))

    @property
    def active(self) -> int:
        """The slot of the last connection that came about."""
        text = self._station.variable("ocpp/network/active")
        slot = int(text) if text.isdigit() else self.order()[0]
        return slot if self.get(slot) is not None else self.order()[0]

    @active.setter
    def active(self, slot: int) -> None:
        self._station.set_variable("ocpp/network/active", str(slot))

    @property
    def level(self) -> int:
        """The security profile that is in use: no way leads below it (A00.FR.005)."""
        text = self._station.variable("ocpp/network/level")
        return int(text) if text.isdigit() else file_profile(self._settings)

    @level.setter
    def level(self, level: int) -> None:
        self._station.set_variable("ocpp/network/level", str(level))

    # --- passwords --------------------------------------------------------------------------------------------------

    def secrets(self, slot: int) -> Secrets:
        text = self._station.variable(_secret_of(slot))
        try:
            if text:
                return msgspec.json.decode(text, type=Secrets)
        except msgspec.MsgspecError:
            log.error("the password of network profile %d cannot be read, that of station.toml is used", slot)
        password = self._settings.password
        return Secrets(Secret(password) if password is not None else None)

    def set_secret(self, slot: int, secret: Secret) -> None:
        """From the next connection on; the old one is kept until then."""
        before = self.secrets(slot)
        if before.current != secret:
            self._keep(slot, Secrets(secret, before.current))

    def set_all_secrets(self, secret: Secret) -> None:
        """2.1 B09.FR.27."""
        for slot in SLOTS:
            self.set_secret(slot, secret)

    def proven(self, slot: int, secret: Secret | None) -> bool:
        """A connection with this password came about: it is the only one from now on. True: a newer one is given up."""
        known = self.secrets(slot)
        if known.old is None:
            return False
        given_up = secret == known.old and secret != known.current
        self._keep(slot, Secrets(secret))
        if given_up:  # the others wait for the same password, which the back office does not know
            for other in SLOTS:
                if other != slot and self.secrets(other) == known:
                    self._keep(other, Secrets(secret))
        return given_up

    def _keep(self, slot: int, secrets: Secrets) -> None:
        self._station.set_variable(_secret_of(slot), msgspec.json.encode(secrets).decode())

    # --- what may be set --------------------------------------------------------------------------------------------

    def refuses(self, profile: Profile, *, transport: str, version: str, dial_up: bool) -> Refused | None:
        """Why this profile cannot be set (B09)."""
        if profile.slot not in SLOTS:
            return Refused("InvalidConfSlot", f"there is no slot {profile.slot}")  # B09.FR.05
        if profile.slot == self.active and self.get(profile.slot) is not None:
            return Refused("PriorityNetworkConf", "this slot is in use")
        if profile.security_profile < self.level:
            return Refused("NoSecurityDowngrade", f"security profile {self.level} is in use")  # B09.FR.04
        if transport != "JSON" or version in {"OCPP12", "OCPP15"}:
            return Refused("InvalidNetworkConf", f"OCPP-{transport} {version} is not spoken here")
        if dial_up:
            return Refused("InvalidNetworkConf", "this station manages neither APN nor VPN")
        if not 1 <= profile.message_timeout_s <= 300:
            return Refused("InvalidNetworkConf", "messageTimeout must be 1 to 300 s")
        why = refuses_url(profile.url, profile.security_profile)
        return Refused("InvalidURL", why) if why else None

    def refuses_order(self, text: str) -> str:
        """Why this is no order of profiles (B10.FR.02, A05.FR.02, FR.03)."""
        slots = [each.strip() for each in text.split(",") if each.strip()]
        if not slots:
            return "at least one profile is needed"
        for each in slots:
            profile = self.get(int(each)) if each.isdigit() and int(each) in SLOTS else None
            if profile is None:
                return f"slot {each} holds no profile"
            if profile.security_profile < self.level:
                return f"the security profile of slot {each} is lower than {self.level}, which is in use"
            if profile.security_profile > self.level and (why := self.lacks(profile.security_profile, profile.slot)):
                return f"slot {each}: {why}"
        return ""

    def lacks(self, level: int, slot: int) -> str:
        """What is missing for a security profile, "" when nothing is."""
        certificates = self._station.certificates
        if level in {1, 2} and self.secrets(slot).current is None:
            return "there is no password"
        if level >= 2 and (certificates is None or not certificates.has_csms_root()):
            return "no valid CSMS root certificate is installed"
        if level == 3 and (certificates is None or not certificates.has_client_certificate()):
            return "no valid certificate of the charging station is installed"
        return ""


def refuses_url(url: str, level: int) -> str:
    """Why this is no address for that security profile; "" when it is."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:
        return "no address"
    odd = any(letter.isspace() or not letter.isprintable() for letter in url)
    if parts.scheme not in {"ws", "wss"} or not host or parts.username or odd:
        return "no address that begins with ws:// or wss://"
    if (parts.scheme == "wss") is not (level >= 2):
        return f"security profile {level} needs {'wss' if level >= 2 else 'ws'}://"
    return "" if level <= 3 else f"there is no security profile {level}"


def refuses_password(text: str) -> str:
    """Why this is no password (A00.FR.205); "" when it is."""
    if not MIN_PASSWORD <= len(text) <= MAX_PASSWORD:
        return f"not {MIN_PASSWORD} to {MAX_PASSWORD} characters"
    return "" if all(0x21 <= ord(letter) <= 0x7E for letter in text) else "not only printable ASCII characters"


def file_profile(settings: OcppSettings) -> int:
    """The security profile that station.toml means."""
    if settings.security_profile is not None:
        return settings.security_profile
    if settings.url.startswith("wss:"):
        return 3 if settings.client_certificate is not None and settings.password is None else 2
    return 1 if settings.password else 0


def _mark(settings: OcppSettings) -> str:
    said = [settings.url, settings.identity, str(file_profile(settings)), settings.password or ""]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def _of(slot: int) -> str:
    return f"ocpp/network/{slot}"


def _secret_of(slot: int) -> str:
    return f"ocpp/secret/{slot}"
