"""The station's side of SLAC at one plug: modem, matching runs, link (ISO 15118-3 Annex A.9, clause 7).

Fed frames and time, asked for frames: no socket, no clock. What one car's matching is: `matching`; how a modem is
looked after: `modem`; when cars are listened to and the network is left: `evse_link`, through `data_link`.
"""

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

from firmware.v2g.slac.frames import (
    BROADCAST,
    AmpMapCnf,
    AmpMapReq,
    AttenProfileInd,
    Frame,
    FrameError,
    Mme,
    SlacMatchReq,
    SlacParmReq,
    read,
    summary,
    unpack,
)
from firmware.v2g.slac.key import new_key
from firmware.v2g.slac.matching import Car, ChoseAnother, Matched, PilotLevel, Rules, match, refusal
from firmware.v2g.slac.modem import (
    AskLink,
    Identify,
    Identity,
    Modem,
    ModemTalk,
    Question,
    Reset,
    SetKey,
    join,
    prepare,
    stay,
    supervise,
)
from firmware.v2g.slac.talk import Script

MAX_RUNS: Final = 8
RUNS_PER_CAR: Final = 2  # a car that restarts with a new RunID may still finish the old one
MATCH_JOIN_S: Final = 12.0  # TT_match_join
RESUME_S: Final = 6.0  # T_conn_resume
AMP_MAP_S: Final = 0.1  # TP_amp_map_exchange
LOOK_AGAIN_S: Final = 2.0  # for a modem that did not answer
RESTARTS: Final = 1  # matching that failed goes back to waiting this often before it is an error (lenient)


class State(StrEnum):
    ABSENT = "no PLC modem answers"
    PREPARING = "the PLC modem gets its key"
    WAITING = "waiting for the car's SLAC"
    MATCHING = "SLAC runs"
    JOINING = "matched, waiting for the link"
    LINKED = "linked"
    PAUSED = "paused, network kept"
    FAILED = "SLAC failed"


class Said(NamedTuple):
    """One message between car and station, for facts and logs."""

    at: float
    direction: Literal["from_car", "to_car"]
    name: str
    text: str
    size: int


@dataclass(frozen=True)
class Options:
    rules: Rules = field(default_factory=Rules)
    reset_after_session: bool = False  # reset the modem with each new key


class Slac:
    """After every call: send `take()`, look at `state` and `deadline`."""

    def __init__(self, modem: Modem, host: bytes, options: Options, now: float) -> None:
        self.state = State.ABSENT
        self.reason = ""  # of ABSENT and FAILED
        self.identity: Identity | None = None
        self.resets = 0
        self.matched: Matched | None = None
        self.dropped: Counter[str] = Counter()
        self.said: list[Said] = []  # taken by the owner
        self.notes: list[str] = []
        self._modem = modem
        self._host = host
        self._options = options
        self._level = ""  # of the pilot; "" = nobody tells
        self._key = new_key()
        self._key_used = False
        self._listening = False
        self._resuming = False
        self._restarts = 0
        self._runs: dict[tuple[bytes, bytes], Script[Matched]] = {}
        self._chore: Script[Any] | None = None
        self._look_again: float | None = None
        self._amp_map: tuple[bytes, float] | None = None  # who asked, until when
        self._modem_mac: bytes | None = None
        self._outbox: list[Frame] = []
        self._prepare(now, reset=False)

    # --- from above -------------------------------------------------------------------------------------------------

    def listen(self, on: bool, now: float) -> None:
        """May a car begin? Off while the pilot shows A, E, F or basic charging; a matching that runs goes on."""
        self._listening = on
        if on:
            self.wake(now)

    def pilot(self, level: str, now: float) -> None:
        """What the car shows on the control pilot now (`matching.PilotLevel`)."""
        if level == self._level:
            return
        self._level = level
        for key, run in list(self._runs.items()):
            if isinstance(run.talk, Car):
                run.talk.level = level
            run.receive(PilotLevel(level), now)
            self._collect(key, run, now)

    def wake(self, now: float) -> None:
        """The car that paused is back: its network is still there, or SLAC begins anew [V2G3-M07-22]."""
        if self.state is State.PAUSED:
            self._resuming = True
            self._begin(State.JOINING, lambda talk: join(talk, RESUME_S), now)

    def leave(self, now: float) -> None:
        """D-LINK_TERMINATE, D-LINK_ERROR or the plug is out: forget the car, and its key if it got one."""
        self._forget_runs()
        self.matched = None
        self._restarts = 0
        self._resuming = False
        if self.state in {State.ABSENT, State.PREPARING}:
            return  # a key nobody has is on its way
        if self._key_used:
            self._key, self._key_used = new_key(), False
            self._prepare(now, self._options.reset_after_session)
        else:
            self._wait(now)
        self.poke(now)

    def pause(self, now: float) -> None:
        """D-LINK_PAUSE: the network stays, so that the car that wakes up needs no SLAC [V2G3-M07-20]."""
        if self.state is State.LINKED:
            self._end_chore()
            self.state = State.PAUSED

    # --- from the sides ---------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """One Ethernet frame arrived. Nothing in it raises: what is no use is counted in `dropped`."""
        try:
            frame = unpack(data)
            if frame.source == self._host or frame.destination not in {self._host, BROADCAST}:
                self.dropped["not for us"] += 1
            elif not self._from_modem(frame, now):
                self._from_line(frame, read(frame), len(data), now)
        except FrameError:
            self.dropped["malformed"] += 1
        self.poke(now)

    def poke(self, now: float) -> None:
        """Time has passed."""
        for key, run in list(self._runs.items()):
            run.poke(now)
            self._collect(key, run, now)
        if self._amp_map is not None and now >= self._amp_map[1]:
            self._answer_amp_map(1, now)
        if self._chore is not None:
            self._chore.poke(now)
            self._collect_chore(now)
        if self._look_again is not None and now >= self._look_again:
            self._prepare(now, reset=False)

    @property
    def linked(self) -> bool:
        """May there be IP traffic? A paused network is still there; one that is being woken is believed to be."""
        return self.state in {State.LINKED, State.PAUSED} or (self.state is State.JOINING and self._resuming)

    @property
    def deadline(self) -> float | None:
        """When `poke` must be called at the latest."""
        times = [run.deadline for run in self._runs.values()]
        times += [self._look_again, self._amp_map[1] if self._amp_map is not None else None]
        times += [self._chore.deadline if self._chore is not None else None]
        return min((time for time in times if time is not None), default=None)

    def take(self) -> list[bytes]:
        """The frames that are to be sent now."""
        frames, self._outbox = self._outbox, []
        return [frame.pack() for frame in frames]

    # --- the modem --------------------------------------------------------------------------------------------------

    def _prepare(self, now: float, reset: bool) -> None:
        self._look_again = None
        self._modem_mac = None
        state = State.ABSENT if self.state is State.ABSENT else State.PREPARING
        self._begin(state, lambda talk: prepare(talk, self._key, reset), now)

    def _wait(self, now: float) -> None:
        self._begin(State.WAITING, stay, now)

    def _begin(self, state: State, chore: Callable[[ModemTalk], Coroutine[Any, Any, Any]], now: float) -> None:
        """Enter a state with what is to be done about the modem in it."""
        self._end_chore()
        self.state = state
        knows_link = self._modem.ask(AskLink(), self._host) is not None
        talk = ModemTalk(knows_link, self._modem.confirms_reset)
        self._chore = Script(lambda: chore(talk), talk, now)
        self._collect_chore(now)

    def _end_chore(self) -> None:
        if self._chore is not None:
            self._chore.close()
            self._chore = None

    def _collect_chore(self, now: float) -> None:
        chore = self._chore
        if chore is None:
            return
        for question in chore.take():
            if isinstance(question, SetKey | Identify | AskLink | Reset):
                self._ask_modem(question)
        if chore.ended:
            self._chore = None
            self._chore_ended(chore, now)

    def _ask_modem(self, question: Question) -> None:
        if isinstance(question, Reset):
            self.resets += 1
            self.notes.append("the modem is reset")
        frame = self._modem.ask(question, self._host)
        if frame is not None:
            self._outbox.append(frame)

    def _chore_ended(self, chore: Script[Any], now: float) -> None:
        match self.state, chore.failure:
            case ((State.ABSENT | State.PREPARING), None):
                self.identity, self.reason = chore.result, ""
                self._wait(now)
            case ((State.ABSENT | State.PREPARING | State.WAITING), failure):
                self._modem_gone(str(failure), now)
            case State.JOINING, None:
                self._resuming = False
                self._begin(State.LINKED, supervise, now)
            case State.JOINING, failure if self._resuming:
                self.notes.append(f"the paused link did not come back: {failure}")
                self.leave(now)
            case _, failure:
                self._fail(str(failure))

    def _modem_gone(self, reason: str, now: float) -> None:
        self.state, self.reason, self.identity = State.ABSENT, reason, None
        self._look_again = now + LOOK_AGAIN_S

    def _from_modem(self, frame: Frame, now: float) -> bool:
        """Is this an answer of our modem? One that nobody asked for is passed over by the chore."""
        if frame.mmtype == AmpMapCnf.mmtype:
            answer = read(frame)
            if isinstance(answer, AmpMapCnf) and self._amp_map is not None:
                self._answer_amp_map(answer.result, now)
            return True
        news = self._modem.hear(frame)
        if news is None:
            return False
        if self._modem_mac not in {None, frame.source}:
            self.dropped["another modem"] += 1
            return True
        if isinstance(news, Identity):
            self._modem_mac = frame.source
        if self._chore is not None:
            self._chore.receive(news, now)
        return True

    # --- the line ---------------------------------------------------------------------------------------------------

    def _from_line(self, frame: Frame, message: Mme, size: int, now: float) -> None:
        if isinstance(message, AttenProfileInd):
            self._profile(message, now)
            return
        mac = frame.source
        if reason := refusal(message, mac, self._host):
            self.dropped[reason] += 1
            return
        run_id: bytes | None = getattr(message, "run_id", None)
        match message:
            case SlacParmReq() if self._may_begin(mac):
                self._tell(message, size, now)
                self._new_run(mac, message.run_id, now)
            case SlacParmReq():
                self.dropped["not listening"] += 1
            case AmpMapReq() if self._knows(mac) and self._amp_map is None:
                self._tell(message, size, now)
                self._forward_amp_map(frame, now)
            case SlacMatchReq() if self.matched and (mac, run_id) == (self.matched.mac, self.matched.run_id):
                self._tell(message, size, now)
                self._send(self.matched.answer, mac, now)  # the first one was lost
            case _:  # CM_VALIDATE.REQ carries no RunID
                key = self._youngest(mac) if run_id is None else (mac, run_id)
                if key in self._runs:
                    self._tell(message, size, now)
                self._give(key, message, now)

    def _tell(self, message: Mme, size: int, now: float) -> None:
        self.said.append(Said(now, "from_car", message.name, summary(message), size))

    def _knows(self, mac: bytes) -> bool:
        return any(key[0] == mac for key in self._runs) or (self.matched is not None and self.matched.mac == mac)

    def _profile(self, message: AttenProfileInd, now: float) -> None:
        if reason := refusal(message, message.pev_mac, self._host):
            self.dropped[reason] += 1
        else:
            self._give(self._youngest(message.pev_mac), message, now)

    def _youngest(self, mac: bytes) -> tuple[bytes, bytes] | None:
        return next((key for key in reversed(self._runs) if key[0] == mac), None)

    def _give(self, key: tuple[bytes, bytes] | None, message: Mme, now: float) -> None:
        run = self._runs.get(key) if key is not None else None
        if key is None or run is None:
            self.dropped["no such run"] += 1
            return
        run.receive(message, now)
        self._collect(key, run, now)

    def _new_run(self, mac: bytes, run_id: bytes, now: float) -> None:
        """The same key again restarts that run [V2G3-A09-16]."""
        old = self._runs.pop((mac, run_id), None)
        if old is not None:
            old.close()
        mine = [key for key in self._runs if key[0] == mac]
        if len(mine) >= RUNS_PER_CAR:
            self._runs.pop(mine[0]).close()
        if len(self._runs) >= MAX_RUNS:
            self.dropped["too many runs"] += 1
            return
        if self.state is not State.MATCHING:
            self._end_chore()
            self.state, self.matched = State.MATCHING, None
        car = Car(mac, run_id, self._host, level=self._level)
        run = Script(lambda: match(car, self._key, self._options.rules), car, now)
        self._runs[(mac, run_id)] = run
        self._count_cars()
        self._collect((mac, run_id), run, now)

    def _may_begin(self, mac: bytes) -> bool:
        """Real cars restart SLAC where they are (Stellantis): the one that has our key may do so at any time."""
        if not self._listening:
            return False
        if self.state in {State.WAITING, State.MATCHING}:
            return True
        known = self.matched is not None and self.matched.mac == mac
        again = {State.JOINING, State.LINKED, State.PAUSED}
        return known and self.state in again and not self._options.rules.conformance

    def _count_cars(self) -> None:
        cars = {mac for mac, _ in self._runs}
        for run in self._runs.values():
            if isinstance(run.talk, Car):
                run.talk.alone = run.talk.alone and len(cars) == 1

    def _collect(self, key: tuple[bytes, bytes], run: Script[Matched], now: float) -> None:
        """Send what a run has to say, and see to its end."""
        for message in run.take():
            if isinstance(message, Mme):
                self._send(message, key[0], now)
        if isinstance(run.talk, Car):
            self.notes += run.talk.notes
            run.talk.notes = []
        if not run.ended or self._runs.get(key) is not run:
            return
        del self._runs[key]
        if run.result is not None:
            self._let_in(run.result, now)
        elif run.failure is not None:
            self._run_failed(run.failure, key, now)
        self._count_cars()

    def _let_in(self, matched: Matched, now: float) -> None:
        self._forget_runs()
        self.matched = matched
        self._key_used = True
        self._restarts = 0
        self._begin(State.JOINING, lambda talk: join(talk, MATCH_JOIN_S), now)

    def _run_failed(self, failure: Exception, key: tuple[bytes, bytes], now: float) -> None:
        self.notes.append(f"SLAC with {key[0].hex(':')} (run {key[1].hex()}) failed: {failure}")
        if self._runs:
            return
        if self._options.rules.conformance:
            self._fail(str(failure))
        elif isinstance(failure, ChoseAnother):
            self._wait(now)  # a neighbour's car is no error of ours
        elif self._restarts < RESTARTS:
            self._restarts += 1
            self._wait(now)
        else:
            self._fail(str(failure))

    def _fail(self, reason: str) -> None:
        self._forget_runs()
        self._end_chore()
        self.state, self.reason = State.FAILED, reason

    def _forget_runs(self) -> None:
        for run in self._runs.values():
            run.close()
        self._runs.clear()
        self._amp_map = None

    def _send(self, message: Mme, to: bytes, now: float) -> None:
        frame = message.to(to, self._host)
        self._outbox.append(frame)
        self.said.append(Said(now, "to_car", message.name, summary(message), len(frame.pack())))

    # --- amplitude map ----------------------------------------------------------------------------------------------

    def _forward_amp_map(self, frame: Frame, now: float) -> None:
        """The car wants carriers quieter: our modem shall do so, and its answer is the car's."""
        modem = self._modem.address
        self._amp_map = (frame.source, now + AMP_MAP_S)
        self._outbox.append(Frame(modem, self._host, frame.mmtype, frame.payload, frame.mmv))

    def _answer_amp_map(self, result: int, now: float) -> None:
        if self._amp_map is not None:
            self._send(AmpMapCnf(result=result), self._amp_map[0], now)
            self._amp_map = None
