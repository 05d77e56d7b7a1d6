"""A car's side of SLAC (ISO 15118-3 Annex A), from CM_SLAC_PARM.REQ to a link that is up. Fed frames and time.

A generator: it yields until when it waits, and goes on when a frame came or that time is there.
"""

import hashlib
import secrets
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from hil.plc import mme

ATTEMPTS: Final = 3  # C_conn_max_match
REPEATS: Final = 2  # C_EV_match_retry
SOUNDS: Final = 10
RESPONSE_S: Final = 0.2  # TT_match_response
RESULTS_S: Final = 1.2  # TT_EV_atten_results
BATCH_S: Final = 0.02  # TP_EV_batch_msg_interval
RATE_S: Final = 0.4  # TT_matching_rate
JOIN_S: Final = 12.0  # TT_match_join
POLL_S: Final = 0.1
INDIRECT_DB: Final = 20.0
TOGGLE_STATE_S: Final = 0.25  # TP_EV_vald_state_duration, 200-400 ms each

READY, SUCCESS = 1, 2  # CM_VALIDATE's Result

Waiting = Generator[float, None, bytes | None]


class Unmatched(Exception):
    """This attempt came to nothing; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """`station` let us in. `seconds` from the first CM_SLAC_PARM.REQ to the link."""

    station: bytes
    attenuation_db: float
    attempts: int
    nmk: bytes
    seconds: float


@dataclass
class Manners:
    """How this car behaves. `sounds` are really sent, SOUNDS are announced; `run_id` None = random for each attempt."""

    attempts: int = ATTEMPTS
    sounds: int = SOUNDS
    run_id: bytes | None = None
    validate: bool = False
    toggles: int = 1  # B-C-B sequences of a validation, 1 to 3
    stops_before: int | None = None  # the message kind it never sends: falls silent there
    restarts_after_report: bool = False  # once, as Stellantis cars do
    limit_db: float = INDIRECT_DB


class SlacCar:
    """After every call: send `take()`, look at `outcome`, `failure` and `deadline`. `modem`: its local address;
    `level`: what this car shows on its pilot, whoever owns it carries it there."""

    def __init__(self, mac: bytes, modem: bytes, manners: Manners, now: float) -> None:
        self.mac = mac
        self.now = now
        self.outcome: Outcome | None = None
        self.failure = ""
        self.deadline: float | None = None
        self.level = "B"
        self.log: list[str] = []
        self._modem = modem
        self._manners = manners
        self._inbox: deque[bytes] = deque(maxlen=200)
        self._outbox: list[bytes] = []
        self._began = now
        self._restart = manners.restarts_after_report
        self._story = self._match()
        self._step()

    def receive(self, frame: bytes, now: float) -> None:
        self.now = now
        if self.deadline is not None and frame[6:12] != self.mac:
            self._inbox.append(frame)
            self._step()

    def poke(self, now: float) -> None:
        self.now = now
        if self.deadline is not None and now >= self.deadline:
            self._step()

    def take(self) -> list[bytes]:
        sent, self._outbox = self._outbox, []
        return sent

    def _step(self) -> None:
        try:
            self.deadline = next(self._story)
        except StopIteration as end:
            self.deadline, self.outcome = None, end.value
        except Unmatched as reason:
            self.deadline, self.failure = None, str(reason)

    # --- the story --------------------------------------------------------------------------------------------------

    def _match(self) -> Generator[float, None, Outcome]:
        reason = Unmatched("no attempt")
        for attempt in range(1, self._manners.attempts + 1):
            run_id = self._manners.run_id or secrets.token_bytes(8)
            try:
                return (yield from self._attempt(run_id, attempt))
            except Unmatched as failure:
                reason = failure
                self.log.append(f"attempt {attempt}: {failure}")
                yield from self._pause(RATE_S)
        raise reason

    def _attempt(self, run_id: bytes, attempt: int) -> Generator[float, None, Outcome]:
        stations = yield from self._find(run_id)
        began = self.now
        yield from self._sound(run_id)
        station, level = yield from self._reports(run_id, stations, began + RESULTS_S)
        if self._restart:
            self._restart = False
            raise Unmatched("restarts on purpose")
        if level > self._manners.limit_db:
            raise Unmatched(f"the best station is at {level:.1f} dB")
        if self._manners.validate:
            yield from self._validate(station)
        answer = yield from self._ask(mme.slac_match_req(station, self.mac, run_id), mme.SLAC_MATCH_CNF, run_id)
        nid, nmk = answer[85:92], answer[93:109]
        digest = nmk
        for _ in range(5):
            digest = hashlib.sha256(digest).digest()
        if nid != digest[:6] + bytes([digest[6] >> 4]):
            raise Unmatched("the NID does not belong to the NMK")
        yield from self._join(nid, nmk)
        return Outcome(station, level, attempt, nmk, self.now - self._began)

    def _find(self, run_id: bytes) -> Generator[float, None, set[bytes]]:
        """Every station that answers within 200 ms."""
        for _ in range(1 + REPEATS):
            self._send(mme.SLAC_PARM_REQ, mme.slac_parm_req(self.mac, run_id))
            until, found = self.now + RESPONSE_S, set[bytes]()
            while (answer := (yield from self._hear(mme.SLAC_PARM_CNF, run_id, until))) is not None:
                found.add(answer[6:12])
            if found:
                return found
        raise Unmatched("no CM_SLAC_PARM.CNF")

    def _sound(self, run_id: bytes) -> Generator[float, None, None]:
        for _ in range(3):
            self._send(mme.START_ATTEN_CHAR_IND, mme.start_atten_char_ind(self.mac, run_id, SOUNDS, 6))
            yield from self._pause(BATCH_S)
        for number in range(self._manners.sounds):
            noise = secrets.token_bytes(16)
            sound = mme.mnbc_sound_ind(self.mac, run_id, SOUNDS - 1 - number, noise)
            self._send(mme.MNBC_SOUND_IND, sound)
            yield from self._pause(BATCH_S)

    def _reports(
        self, run_id: bytes, stations: set[bytes], until: float
    ) -> Generator[float, None, tuple[bytes, float]]:
        """The station with the least attenuation, once all have reported or the time is up."""
        levels: dict[bytes, float] = {}
        while levels.keys() != stations:
            report = yield from self._hear(mme.ATTEN_CHAR_IND, run_id, until)
            if report is None:
                break
            groups = report[71 : 71 + report[70]]
            if report[69]:
                levels[report[6:12]] = sum(groups) / len(groups)
            self._send(mme.ATTEN_CHAR_RSP, mme.atten_char_rsp(report[6:12], self.mac, run_id))
        if not levels:
            raise Unmatched("no CM_ATTEN_CHAR.IND")
        return min(levels.items(), key=lambda item: item[1])

    def _validate(self, station: bytes) -> Generator[float, None, None]:
        """Does this station see what we show on the pilot? One that needs no proof, or has none to give, is taken."""
        answer = yield from self._ask(mme.validate_req(station, self.mac), mme.VALIDATE_CNF, None)
        if answer[21] != READY:
            return
        toggles = self._manners.toggles
        lasts = toggles * 2 * TOGGLE_STATE_S
        self._send(mme.VALIDATE_REQ, mme.validate_req(station, self.mac, timer=int(lasts / 0.1) + 1))
        for _ in range(toggles):
            for level in ("C", "B"):
                self.level = level
                yield from self._pause(TOGGLE_STATE_S)
        result = yield from self._hear(mme.VALIDATE_CNF, None, self.now + RESPONSE_S + 0.2)
        if result is None or (result[20], result[21]) != (toggles, SUCCESS):
            raise Unmatched("the station saw other toggles than ours" if result else "no result of the validation")

    def _join(self, nid: bytes, nmk: bytes) -> Generator[float, None, None]:
        """Our own modem gets the key; then wait until it has found the other one."""
        self._outbox.append(mme.set_key_req(self._modem, self.mac, nid, nmk))
        until = self.now + JOIN_S
        while self.now < until:
            ask = mme.build(self._modem, self.mac, 0xA000, bytes.fromhex("02504c02"), mmv=0)
            self._inbox.clear()  # older answers
            self._outbox.append(ask)
            answer = yield from self._hear(0xA001, None, self.now + POLL_S)
            if answer is not None and answer[20:22] == b"\x02\x01":
                return
            yield from self._pause(POLL_S)
        raise Unmatched("no link")

    # --- waiting ----------------------------------------------------------------------------------------------------

    def _send(self, kind: int, frame: bytes) -> None:
        if kind == self._manners.stops_before:
            raise Unmatched(f"falls silent before {kind:#06x}")
        self._outbox.append(frame)

    def _ask(self, frame: bytes, kind: int, run_id: bytes | None) -> Generator[float, None, bytes]:
        for _ in range(1 + REPEATS):
            self._send(mme.kind_of(frame) or 0, frame)
            answer = yield from self._hear(kind, run_id, self.now + RESPONSE_S)
            if answer is not None:
                return answer
        raise Unmatched(f"no {kind:#06x}")

    def _hear(self, kind: int, run_id: bytes | None, until: float) -> Waiting:
        """The next frame of this kind for us; None when the time is up."""
        at = {mme.SLAC_PARM_CNF: 36, mme.ATTEN_CHAR_IND: 27, mme.SLAC_MATCH_CNF: 69}.get(kind, 0)
        while True:
            while self._inbox:
                frame = self._inbox.popleft()
                mine = frame[:6] == self.mac and mme.kind_of(frame) == kind
                if mine and (run_id is None or frame[at : at + 8] == run_id):
                    return frame
            if self.now >= until:
                return None
            yield until

    def _pause(self, seconds: float) -> Generator[float, None, None]:
        until = self.now + seconds
        while self.now < until:
            yield until
