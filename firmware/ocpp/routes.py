"""Which connection is tried next: profile, password, root and certificate (2.0.1 B10, A05, M05.FR.13 to FR.16).

Of everything that was renewed the new is tried first, and the old while the new has not been proven. Sockets and
waiting are others' affair.
"""

from typing import Final, Literal

import msgspec

from firmware.ocpp.network_profiles import Profile, Profiles, Secret
from firmware.station.certificates import Choice
from firmware.station.station import Station

_UPGRADE: Final = "ocpp/network/upgrade"

#: Why a connection did not come about.
Trouble = Literal["unreachable", "password", "server_certificate", "client_certificate", "tls_version", "tls_suite"]


class Attempt(msgspec.Struct, frozen=True):
    profile: Profile
    secret: Secret | None
    choice: Choice

    @property
    def basic(self) -> bool:
        """Profile 3 shows a certificate instead of a password; 0 shows one where it has one, as 1.6 always did."""
        return self.profile.security_profile < 3 and self.secret is not None


class Routes:
    """Ask `next`, then tell `connected` or `failed`; `begin` at every start of the client."""

    def __init__(self, station: Station, profiles: Profiles) -> None:
        self._station = station
        self._profiles = profiles
        self._slots: list[int] = []  # still to be tried, the present one first
        self._tries = 0
        self._old_secret = False
        self._choice = Choice()

    def begin(self) -> None:
        """After a start: in order of priority (B10.FR.04)."""
        self._profiles.load()
        self._slots = list(self._profiles.order())
        self._forget()

    def next(self) -> Attempt:
        slot = self._slots[0]
        profile = self._profiles.get(slot)
        if profile is None:  # removed meanwhile
            self._advance()
            return self.next()
        secrets = self._profiles.secrets(slot)
        secret = secrets.old if self._old_secret and secrets.old is not None else secrets.current
        return Attempt(profile, secret, self._choice)

    def failed(self, attempt: Attempt, trouble: Trouble) -> bool:
        """True: something is left to fall back to, so there is no need to wait before the next attempt."""
        if self._falls_back(attempt, trouble):
            return True
        self._tries += 1
        if self._tries >= self._station.number("OCPPCommCtrlr.NetworkProfileConnectionAttempts", 3):
            self._advance()
        return False

    def _falls_back(self, attempt: Attempt, trouble: Trouble) -> bool:
        slot = attempt.profile.slot
        certificates = self._station.certificates
        there = certificates.choices() if certificates is not None else Choice()
        match trouble:
            case "password" if attempt.basic and self._profiles.secrets(slot).old is not None:
                self._old_secret = not self._old_secret
                return self._old_secret
            case "server_certificate" if there.old_root and slot == self._profiles.active:  # M05.FR.14, not FR.15
                self._choice = msgspec.structs.replace(self._choice, old_root=not attempt.choice.old_root)
                return self._choice.old_root
        return False

    def _advance(self) -> None:
        """The next profile; after the last one that which worked last, then all over again (B10.FR.07, FR.08), with the
        other of two certificates (A02.FR.28)."""
        with_old = self._choice.old_certificate
        self._forget()
        del self._slots[0]
        if not self._slots:
            active = self._profiles.active
            self._slots = [active, *(slot for slot in self._profiles.order() if slot != active)]
            certificates = self._station.certificates
            with_old = not with_old and certificates is not None and certificates.choices().old_certificate
        self._choice = Choice(old_certificate=with_old)

    def _forget(self) -> None:
        self._tries = 0
        self._old_secret = False
        self._choice = Choice()

    def connected(self, attempt: Attempt) -> bool:
        """The connection stands. True: a new password was given up for the old one."""
        profile = attempt.profile
        self._profiles.active = profile.slot
        self._slots = [profile.slot, *(slot for slot in self._profiles.order() if slot != profile.slot)]
        self._forget()
        if profile.security_profile > self._profiles.level:
            self._raised(profile)
        else:
            self._give_up_upgrade()
        self._upgrade = None
        return attempt.basic and self._profiles.proven(profile.slot, attempt.secret)

    def _raised(self, profile: Profile) -> None:
        """A05.FR.06: what is less secure is gone for good."""
        self._profiles.level = profile.security_profile
        kept = []
        for slot in self._profiles.order():
            each = self._profiles.get(slot)
            if each is not None and each.security_profile >= profile.security_profile:
                kept.append(slot)
            else:
                self._profiles.remove(slot)
        self._profiles.set_order(tuple(kept) or (profile.slot,))
        self._slots = [slot for slot in self._slots if slot in kept] or [profile.slot]

    # --- 1.6: a higher security profile at once (A05) ---------------------------------------------------------------

    @property
    def _upgrade(self) -> int | None:
        """The slot that 1.6's SecurityProfile made and that was not connected with yet; a restart does not end it."""
        kept = self._station.variable(_UPGRADE)
        return int(kept) if kept.isdigit() else None

    @_upgrade.setter
    def _upgrade(self, slot: int | None) -> None:
        self._station.set_variable(_UPGRADE, "" if slot is None else str(slot))

    def raise_to(self, level: int) -> str:
        """Dial with a higher security profile from now on; the present way is kept until that stands. "" or why not."""
        present = self._profiles.get(self._profiles.active)
        if present is None or level < self._profiles.level or level > 3:
            return f"security profile {self._profiles.level} is in use"
        if level == present.security_profile:
            return ""
        if why := self._profiles.lacks(level, present.slot):
            return why
        url = present.url.replace("ws://", "wss://", 1) if level >= 2 else present.url
        slot = next(each for each in (3, 2, 1) if each != present.slot)
        self._profiles.set(replace_profile(present, slot, url, level))
        current = self._profiles.secrets(present.slot).current
        if current is not None:
            self._profiles.set_secret(slot, current)
        self._profiles.set_order((slot, present.slot))
        self._slots = [slot, present.slot]
        self._forget()
        self._upgrade = slot
        return ""

    def _give_up_upgrade(self) -> None:
        """The old way works and the new one did not: it is as before, and the back office may ask again (A05)."""
        slot = self._upgrade
        if slot is not None and slot != self._profiles.active:
            self._profiles.remove(slot)
            self._profiles.set_order((self._profiles.active,))
            self._slots = [self._profiles.active]


def replace_profile(profile: Profile, slot: int, url: str, level: int) -> Profile:
    return Profile(slot, url, level, profile.message_timeout_s, profile.interface, profile.version, profile.identity)
