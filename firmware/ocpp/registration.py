"""Registration at the back office: BootNotification and what its answer says, Heartbeat, and the time that both tell.

Sources: OCPP 1.6 4.2, 4.6; OCPP 2.0.1 part 2 B01 to B04, G02. When they are sent is left to `session`.
"""

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from firmware.ocpp import quirks
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Dialect, RegistrationStatus
from firmware.ocpp.own_calls import Job
from firmware.ocpp.payload import Payload
from firmware.station.facts import SecurityEvent
from firmware.station.station import Station

log = logging.getLogger(__name__)

OWN_INTERVAL_S: Final = 60.0  # between BootNotifications when the back office names no interval (B02.FR.07)


class Memory(msgspec.Struct):
    """What outlives a connection, but not the process."""

    boot_reason: str = "PowerUp"
    boot_content: bytes = b""  # of the accepted BootNotification; sent again only when it changes
    boot_not_before: float = 0.0
    reported: dict[tuple[int, int], tuple[str, ...]] = {}  # of connectors, as last told
    offline_since: float | None = None


class Registrar:
    """How we stand with the back office on one connection. `on_accepted`: from now on it may be told things."""

    def __init__(
        self,
        dialect: Dialect,
        station: Station,
        model: DeviceModel,
        memory: Memory,
        firmware: str,
        *,
        on_accepted: Callable[[], None],
    ) -> None:
        self._dialect = dialect
        self._station = station
        self._model = model
        self._memory = memory
        self._firmware = firmware
        self._on_accepted = on_accepted
        self.status: RegistrationStatus = "Pending"

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"

    @property
    def due(self) -> float:
        """When the next BootNotification is, while we are not accepted."""
        return self._memory.boot_not_before

    def resume(self) -> None:
        """Connected again: without a reboot and with nothing new, B01 is not repeated."""
        forgetful = quirks.shows(self._station.settings.ocpp, "boot_at_every_connection")
        if self._memory.boot_content == self._content() and not forgetful:
            self._accept(everything=self._was_away_long())

    def boot(self) -> Job:
        outgoing = self._dialect.boot(self._station, self._memory.boot_reason, self._firmware)
        return Job(outgoing, self.on_answer, self.on_failure, triggered=True)

    def on_answer(self, response: Payload) -> None:
        answer = self._dialect.registration(response)
        self._set_clock(answer.current_time)
        interval = answer.interval if answer.interval > 0 else OWN_INTERVAL_S
        if answer.status == "Accepted":
            self._memory.boot_content = self._content()
            if answer.interval > 0:
                heartbeat = self._model.find("OCPPCommCtrlr", "HeartbeatInterval")
                if not isinstance(heartbeat, str):
                    self._model.set(heartbeat, str(min(answer.interval, 86_400)))
            self._accept(everything=True)
            return
        log.info("registration: %s, again in %d s", answer.status, interval)
        self.status = answer.status
        self._memory.boot_not_before = self._station.clock.mono() + interval

    def on_failure(self, why: str) -> None:
        wait = self._model.number("OCPPCommCtrlr.RetryBackOffWaitMinimum")
        self._memory.boot_not_before = self._station.clock.mono() + wait

    def on_heartbeat(self, response: Payload) -> None:
        self._set_clock(self._dialect.current_time(response))

    def _accept(self, everything: bool) -> None:
        self.status = "Accepted"
        self._station.accepted_once = True
        self._memory.offline_since = None
        if everything:
            self._memory.reported.clear()
        self._on_accepted()

    def _was_away_long(self) -> bool:
        since, now = self._memory.offline_since, self._station.clock.mono()
        return since is None or now - since > self._model.number("OCPPCommCtrlr.OfflineThreshold")

    def _content(self) -> bytes:
        """What BootNotification says, apart from its reason: a new one is due when this changes."""
        boot = self._dialect.boot(self._station, "Unknown", self._firmware)
        return self._dialect.flavour.version.encode() + msgspec.json.encode(boot.payload)

    def _set_clock(self, utc: float | None) -> None:
        if utc is None or "Heartbeat" not in self._model.members("ClockCtrlr.TimeSource"):
            return
        clock = self._station.clock
        moved = clock.set_utc(utc)
        if abs(moved) > self._model.number("ClockCtrlr.TimeAdjustmentReportingThreshold"):
            event = SecurityEvent(
                at=clock.utc(),
                mono=clock.mono(),
                kind="SettingSystemTime",
                tech_info=f"by {moved:+.0f} s",
                critical=True,
            )
            self._station.emit(event)
