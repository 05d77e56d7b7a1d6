"""Interplay of control pilot, car link and session (ISO 15118-3 clauses 6 and 7) as one pure step.

Says what the pilot shows, whether a car may find us, and whether a session may live. Touches nothing: `car_link`
applies it. What the session wants while it lives (energise or not) is the session script's word.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from hal.contracts import PilotMode, PilotOutput

FIVE_PERCENT: Final = PilotOutput(PilotMode.DUTY, 5.0)  # "ask me digitally" (IEC 61851-1 Annex A)
X1: Final = PilotOutput(PilotMode.X1)
STATE_F: Final = PilotOutput(PilotMode.F)

COMMUNICATION_SETUP_S: Final = 18.0  # ISO 15118-2 Table 111: link ready -> SessionSetupRes
SLAC_INIT_S: Final = 40.0  # ISO 15118-3 TT_EVSE_SLAC_init, 20-50 s: some cars take 30 s after a failed session
STEP_EF_S: Final = 4.0  # ISO 15118-3 T_step_EF: the car takes what follows for a fresh plug-in
AFTER_EF_S: Final = 0.75  # X1 between E/F and 5 %; field knowledge, cars miss a direct change
STEP_X1_S: Final = 3.0  # ISO 15118-3 T_step_X1: from 5 % to nominal, and time for the car to let go
RETRIES: Final = 2  # ISO 15118-3 C_sequ_retry
TOGGLE_S: Final = 3.5  # ISO 15118-3: B-C-B within this time is the car waking us
MODEM_S: Final = 8.0  # ISO 15118-3 T_conn_max_comm: a modem is ready by then, or there is none
MATCHING_S: Final = 60.0  # longer than any matching; SLAC's own timers end it
SLEEPER_S: Final = 30.0  # IEC 61851-1 A.5.3: a car in B although it may draw is woken up, once
STOP_GRACE_S: Final = 8.0  # ours: a car asked to stop and still in the loop is sent away (the station waits 10 s)


class Phase(StrEnum):
    UNPLUGGED = "no car"
    OFFER = "waiting for the car's digital communication"
    SESSION = "digital session"
    LET_GO = "car shall let go"
    STEP_EF = "waking the car up"
    STEP_X1 = "waking the car up (X1)"
    WAIT = "car does not communicate; waiting for authorisation"
    SILENT = "car does not communicate, and there is no charging without it here"
    TO_NOMINAL = "changing to basic charging"
    NOMINAL = "basic charging"
    ENDED = "session ended; the car or a new authorisation begins the next"
    PAUSED = "car paused the session"
    FAULT = "control pilot in E or F"
    UNAVAILABLE = "out of service"


class Session(StrEnum):
    """What became of the TCP connection: none yet, one runs, or how the last one ended."""

    NONE = "none"
    RUNNING = "running"
    TERMINATED = "terminated"
    PAUSED = "paused"
    REFUSED = "refused"  # no common protocol: trying again is of no use
    FAILED = "failed"


class Matching(StrEnum):
    """What SLAC says. Without a modem there is none: the link is up while the plug is in."""

    NONE = "no SLAC here"
    ABSENT = "no modem"
    WAITING = "nothing heard yet"
    RUNNING = "running"
    LINKED = "link up"
    FAILED = "failed"


@dataclass(frozen=True)
class Inputs:
    """What the link sees. `level` is the debounced IEC 61851-1 state A..F, "?" when nobody knows."""

    level: str
    authorised: bool
    link_up: bool
    session: Session
    closed: bool = False
    stop_wanted: bool = False
    available: bool = True
    matching: Matching = Matching.NONE
    dc: bool = False  # digital communication or nothing: 5 % never becomes a nominal duty
    nominal: bool = False  # the guard runs a grant of ours under nominal duty


@dataclass(frozen=True)
class Link:
    """State of the interplay. `since`: when this phase began."""

    phase: Phase = Phase.UNPLUGGED
    since: float = 0.0
    retries: int = 0
    failed: bool = False  # the attempt before this offer failed: some cars then need half a minute to begin anew
    authorised_since: float | None = None
    stop_since: float | None = None
    after: Phase = Phase.ENDED  # where LET_GO leads
    rearmed: bool = False  # the authorisation of the ended session is gone; the next one is new
    quiet: bool = False  # level B was seen in this phase: a C now may begin a toggle
    toggle_since: float | None = None
    offered_since: float | None = None  # a nominal duty is shown, and the car has stayed in B ever since
    woken: bool = False  # ... it was in C before, or had its wake-up: no other follows
    matching: Matching = Matching.NONE  # as last seen, and since when: its progress renews the car's time
    progress_since: float | None = None

    @property
    def pilot(self) -> PilotOutput | None:
        """What the pilot shows; None = the station's basic charging rules."""
        match self.phase:
            case Phase.UNPLUGGED | Phase.NOMINAL:
                return None
            case Phase.OFFER | Phase.SESSION:
                return FIVE_PERCENT
            case Phase.STEP_EF:
                return STATE_F
            case _:
                return X1

    @property
    def findable(self) -> bool:
        """SDP answers and TCP accepts. A car that speaks although we show X1 is awake: lenient, it gets its session."""
        return self.phase in {Phase.OFFER, Phase.WAIT, Phase.SILENT, Phase.ENDED, Phase.PAUSED}

    @property
    def session_may_live(self) -> bool:
        return self.phase is Phase.SESSION or self.findable


def step(
    link: Link, inputs: Inputs, now: float, nominal_after_s: float = 20.0, slac_init_s: float = SLAC_INIT_S
) -> Link:
    """The next state. Unplugging and pilot faults come first, whatever else is going on."""
    if inputs.level in {"A", "?"}:
        return Link()
    if inputs.level in {"E", "F"} and link.phase not in {Phase.STEP_EF, Phase.STEP_X1}:
        return link if link.phase is Phase.FAULT else _enter(link, Phase.FAULT, now)
    noted = _note_progress(_note_authorisation(link, inputs, now), inputs, now)
    return _in_phase(noted, inputs, now, nominal_after_s, slac_init_s)


def due(link: Link, nominal_after_s: float = 20.0, slac_init_s: float = SLAC_INIT_S) -> float | None:
    """When time alone may change something: `step` again then, if nothing else happened before."""
    match link.phase:
        case Phase.OFFER:
            return _silence_ends(link, nominal_after_s, slac_init_s)
        case Phase.SESSION if link.stop_since is not None:
            return link.stop_since + STOP_GRACE_S
        case Phase.LET_GO | Phase.TO_NOMINAL:
            return link.since + STEP_X1_S
        case Phase.STEP_EF:
            return link.since + STEP_EF_S
        case Phase.NOMINAL if link.offered_since is not None:
            return link.offered_since + SLEEPER_S
        case Phase.STEP_X1:
            return link.since + AFTER_EF_S
        case _:
            return None


def _enter(link: Link, phase: Phase, now: float) -> Link:
    failed = link.failed and phase is not Phase.SESSION
    return Link(phase, now, link.retries, failed=failed, authorised_since=link.authorised_since, woken=link.woken)


def _note_authorisation(link: Link, inputs: Inputs, now: float) -> Link:
    """Since when basic charging would be an answer to silence; in DC never."""
    if not inputs.authorised or inputs.dc:
        return link if link.authorised_since is None else replace(link, authorised_since=None)
    return link if link.authorised_since is not None else replace(link, authorised_since=now)


def _resigned(inputs: Inputs) -> Phase:
    """Where a link that cannot be had leads to."""
    return Phase.SILENT if inputs.dc else Phase.WAIT


def _note_progress(link: Link, inputs: Inputs, now: float) -> Link:
    if link.matching is inputs.matching:
        return link
    return replace(link, matching=inputs.matching, progress_since=now)


def _silence_ends(link: Link, nominal_after_s: float, slac_init_s: float) -> float:
    """How long an offer waits for the car's next move."""
    since = max(link.since, link.progress_since or link.since)
    match link.matching:
        case Matching.ABSENT:
            return since + MODEM_S
        case Matching.RUNNING:
            return since + MATCHING_S
        case _ if link.authorised_since is not None:
            slow = link.failed and link.matching is Matching.WAITING
            return max(since, link.authorised_since) + (max(nominal_after_s, slac_init_s) if slow else nominal_after_s)
        case Matching.WAITING:
            return since + slac_init_s
        case _:
            return since + COMMUNICATION_SETUP_S


def _in_phase(link: Link, inputs: Inputs, now: float, nominal_after_s: float, slac_init_s: float) -> Link:
    waited = now - link.since
    if inputs.nominal and not inputs.dc and link.phase in {Phase.UNPLUGGED, Phase.FAULT}:
        return _enter(link, Phase.NOMINAL, now)  # we were away, the guard was not: no 5 % under a nominal charge
    if not inputs.available and (link.findable or link.phase in {Phase.UNPLUGGED, Phase.FAULT}):
        return _enter(link, Phase.UNAVAILABLE, now)  # a running session is ended by the station, with its reason
    if link.findable and inputs.session is Session.RUNNING:
        return _enter(link, Phase.SESSION, now)
    match link.phase:
        case Phase.UNPLUGGED | Phase.FAULT:
            return _enter(link, Phase.OFFER, now)
        case Phase.UNAVAILABLE if inputs.available:
            return _enter(link, Phase.OFFER, now)
        case Phase.OFFER:
            return _offer(link, inputs, now, _silence_ends(link, nominal_after_s, slac_init_s))
        case Phase.SESSION:
            return _session(link, inputs, now)
        case Phase.LET_GO:  # whatever follows, the contactor opens first
            return _enter(link, link.after, now) if waited >= STEP_X1_S and not inputs.closed else link
        case Phase.STEP_EF:
            return replace(_enter(link, Phase.STEP_X1, now), after=link.after) if waited >= STEP_EF_S else link
        case Phase.STEP_X1 if link.after is Phase.NOMINAL:
            return _enter(link, Phase.NOMINAL, now) if waited >= AFTER_EF_S else link
        case Phase.STEP_X1:
            again = replace(link, retries=link.retries + 1)
            return _enter(again, Phase.OFFER, now) if waited >= AFTER_EF_S else link
        case Phase.WAIT if inputs.authorised:
            return replace(_enter(link, Phase.TO_NOMINAL, now), since=link.since)  # X1 is being shown already
        case Phase.TO_NOMINAL:
            return _enter(link, Phase.NOMINAL, now) if waited >= STEP_X1_S else link
        case Phase.NOMINAL:
            return _nominal(link, inputs, now)
        case Phase.WAIT | Phase.SILENT | Phase.ENDED | Phase.PAUSED:
            return _asleep(link, inputs, now)
        case _:
            return link


def _offer(link: Link, inputs: Inputs, now: float, silence_ends: float) -> Link:
    """Authorised and silent: basic charging [V2G3-M06-06]. Not authorised and silent: wake it up, at most twice."""
    if inputs.matching is Matching.FAILED:
        return _link_error(link, inputs, now)
    if now < silence_ends:
        return link
    if inputs.matching is Matching.ABSENT:
        return _enter(link, _resigned(inputs), now)  # nobody to talk with: basic charging as soon as authorised
    if link.authorised_since is not None:
        if inputs.matching is Matching.WAITING and not inputs.closed:
            return replace(_enter(link, Phase.STEP_EF, now), after=Phase.NOMINAL)  # [V2G3-M06-05], [V2G3-M06-08]
        return _enter(link, Phase.TO_NOMINAL, now)
    if inputs.closed:  # never a state F under load
        return link
    if inputs.matching in {Matching.RUNNING, Matching.LINKED}:
        return _link_error(link, inputs, now)
    return _enter(link, Phase.STEP_EF if link.retries < RETRIES else _resigned(inputs), now)  # [V2G3-M06-07]


def _nominal(link: Link, inputs: Inputs, now: float) -> Link:
    """Basic charging, until unplugged. A car that sleeps through the offer gets one E/F, as if plugged in anew."""
    if link.woken:
        return link
    if inputs.level in {"C", "D"}:
        return replace(link, woken=True, offered_since=None)  # awake: what it does later is its own choice
    if not inputs.nominal or inputs.closed:
        return link if link.offered_since is None else replace(link, offered_since=None)
    if link.offered_since is None:
        return replace(link, offered_since=now)
    if now - link.offered_since < SLEEPER_S:
        return link
    return replace(_enter(link, Phase.STEP_EF, now), after=Phase.NOMINAL, woken=True)


def _link_error(link: Link, inputs: Inputs, now: float) -> Link:
    """D-LINK_ERROR: X1, leave the network, E/F, match again [V2G3-M07-05]."""
    after = Phase.STEP_EF if link.retries < RETRIES and not inputs.stop_wanted else _resigned(inputs)
    return replace(_enter(link, Phase.LET_GO, now), after=after, failed=True)


def _session(link: Link, inputs: Inputs, now: float) -> Link:
    match inputs.session:
        case Session.TERMINATED:
            return _enter(link, Phase.ENDED, now)
        case Session.PAUSED:
            return _enter(link, Phase.PAUSED, now)
        case Session.REFUSED:
            return replace(_enter(link, Phase.LET_GO, now), after=_resigned(inputs))
        case Session.RUNNING if inputs.link_up:
            served = replace(link, retries=0) if inputs.closed and link.retries else link
            return _stopping(served, inputs, now)  # a car that has had energy may try again as often as a new one
        case _:  # failed, or the link below it is gone
            return _link_error(link, inputs, now)


def _stopping(link: Link, inputs: Inputs, now: float) -> Link:
    if not inputs.stop_wanted:
        return link if link.stop_since is None else replace(link, stop_since=None)
    if link.stop_since is None:
        return replace(link, stop_since=now)
    if now - link.stop_since < STOP_GRACE_S:
        return link
    return replace(_enter(link, Phase.LET_GO, now), after=Phase.ENDED)


def _asleep(link: Link, inputs: Inputs, now: float) -> Link:
    """5 % stays off until the car toggles B-C-B or somebody is authorised anew."""
    if link.phase in {Phase.ENDED, Phase.SILENT} and link.rearmed and inputs.authorised:
        return replace(_enter(link, Phase.OFFER, now), retries=0, failed=False)
    link = link if inputs.authorised or link.rearmed else replace(link, rearmed=True)
    if inputs.level != "B":
        begins = link.quiet and link.toggle_since is None
        return replace(link, toggle_since=now) if begins else link
    if link.toggle_since is not None and now - link.toggle_since <= TOGGLE_S:
        return replace(_enter(link, Phase.OFFER, now), retries=0, failed=False)
    return link if link.quiet and link.toggle_since is None else replace(link, quiet=True, toggle_since=None)
