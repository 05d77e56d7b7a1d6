"""Who may charge: modes, list, cache, offline rules; and what swipes do at a running station."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from firmware.config import AuthorizationSettings, EvseSettings
from firmware.station.authorization import CACHE_LIFETIME_S, CACHE_SIZE, Authorizer, Unreachable, Verdict
from firmware.station.commands import SetAvailability, StartTransaction, StopTransaction, SwipeToken
from firmware.station.facts import Authorized, IdToken
from firmware.station.journal import Change, Contents

CARD = IdToken("04A2")
OTHER = IdToken("BEEF")


class Office:
    """Answers every token in the same way."""

    def __init__(self, verdict: Verdict | None, *, connected: bool = True) -> None:
        self.verdict = verdict
        self.connected = connected
        self.asked = 0

    async def authorize(self, id_token: IdToken, evse: int) -> Verdict:
        self.asked += 1
        if self.verdict is None:
            raise Unreachable
        return self.verdict


class Rules:
    """An Authorizer with its journal as a dict and the back office's switches."""

    def __init__(self, clock: Any, contents: Contents | None = None, **settings: Any) -> None:
        self.contents: Contents = contents if contents is not None else {}
        self.flags: dict[str, bool] = {}
        self.clock = clock
        self.authorizer = Authorizer(AuthorizationSettings(**settings), clock, self.keep, self.flag)
        self.authorizer.load(self.contents)

    def keep(self, change: Change) -> None:
        if change.body is None:
            self.contents.pop((change.kind, change.key), None)
        else:
            self.contents[change.kind, change.key] = change.body

    def flag(self, name: str, default: bool) -> bool:
        return self.flags.get(name, default)

    def check(self, id_token: IdToken, office: Office | None = None) -> Verdict:
        return asyncio.run(self.authorizer.check(id_token, 1, office))


@pytest.fixture
def rules(parts: Any) -> Callable[..., Rules]:
    def make(*args: Any, **kwargs: Any) -> Rules:
        return Rules(parts.HandClock(), *args, **kwargs)

    return make


def test_free_mode_accepts_everybody(rules: Any) -> None:
    assert rules(mode="free").check(CARD).source == "free"


def test_local_mode_asks_only_the_list(rules: Any) -> None:
    office = Office(Verdict())
    local = rules(mode="local", local_list=("04a2",))
    assert local.check(CARD, office) == Verdict(source="local_list")
    refused = local.check(OTHER, office)
    assert (refused.status, refused.reason) == ("Invalid", "it is not in the local list")
    assert office.asked == 0


def test_online_the_back_office_decides_and_its_word_is_kept(rules: Any) -> None:
    csms = rules()
    assert csms.check(CARD, Office(Verdict())).accepted
    assert csms.check(CARD, Office(None)).source == "cache"
    blocked = csms.check(CARD, Office(Verdict("Blocked")))
    assert (blocked.accepted, blocked.reason) == (False, "the back office says Blocked")
    offline = csms.check(CARD, Office(None, connected=False))
    assert (offline.status, offline.reason) == ("Blocked", "the back office last said Blocked")


def test_offline_a_listed_token_needs_nobody_and_an_unknown_one_is_refused(rules: Any) -> None:
    csms = rules(local_list=("04A2",))
    assert csms.check(CARD, None).source == "local_list"
    refused = csms.check(OTHER, None)
    assert refused.status == "Unknown"
    assert "out of reach" in refused.reason


def test_offline_unknown_tokens_may_be_let_in(rules: Any) -> None:
    csms = rules(offline_unknown=True)
    assert csms.check(OTHER, None) == Verdict(source="offline")
    csms.flags["AuthCtrlr.OfflineTxForUnknownIdEnabled"] = False
    assert not csms.check(OTHER, None).accepted


def test_the_back_office_can_forbid_local_authorization_offline(rules: Any) -> None:
    csms = rules(local_list=("04A2",))
    csms.flags["AuthCtrlr.LocalAuthorizeOffline"] = False
    assert not csms.check(CARD, None).accepted


def test_local_pre_authorize_starts_without_asking(rules: Any) -> None:
    csms = rules()
    csms.check(CARD, Office(Verdict()))
    csms.flags["AuthCtrlr.LocalPreAuthorize"] = True
    office = Office(Verdict("Blocked"))
    assert csms.check(CARD, office).source == "cache"
    assert office.asked == 0
    assert csms.check(OTHER, office).status == "Blocked"  # C10.FR.03: not accepted in the cache: ask again
    assert csms.check(OTHER, office).status == "Blocked"
    assert office.asked == 2


def test_cached_tokens_expire(rules: Any) -> None:
    csms = rules()
    csms.check(CARD, Office(Verdict(expiry=csms.clock.utc() + 100)))
    csms.check(OTHER, Office(Verdict()))
    csms.clock.now += 101
    assert csms.check(CARD, None).status == "Expired"
    assert csms.check(OTHER, None).accepted
    csms.clock.now += CACHE_LIFETIME_S
    assert csms.check(OTHER, None).status == "Unknown"


def test_the_cache_survives_restarts_and_nonsense(rules: Any) -> None:
    before = rules()
    before.check(CARD, Office(Verdict(group=IdToken("G", "Central"))))
    before.contents["token", "ISO14443:BROKEN"] = "{not json"
    after = rules(before.contents)
    known = after.authorizer.known(CARD)
    assert known is not None and known.group == IdToken("G", "Central")
    assert ("token", "ISO14443:BROKEN") not in after.contents


@pytest.mark.ocpp("2.0.1:C10.FR.07")
def test_the_cache_is_bounded_and_drops_the_useless_first(rules: Any) -> None:
    csms = rules()
    csms.check(IdToken("BAD"), Office(Verdict("Blocked")))
    for number in range(CACHE_SIZE):
        csms.clock.now += 1
        csms.check(IdToken(f"T{number}"), Office(Verdict()))
    assert len(csms.contents) == CACHE_SIZE
    assert csms.authorizer.known(IdToken("BAD")) is None
    csms.check(IdToken("NEW"), Office(Verdict()))
    assert csms.authorizer.known(IdToken("T0")) is None
    assert csms.authorizer.known(IdToken("T1")) is not None


def test_listed_and_special_tokens_are_not_cached(rules: Any) -> None:
    csms = rules(local_list=("04A2",))
    for token in (CARD, IdToken("app-7", "Central"), IdToken("", "NoAuthorization")):
        csms.check(token, Office(Verdict()))
    assert csms.contents == {}


def test_clear_cache(rules: Any) -> None:
    csms = rules()
    csms.check(CARD, Office(Verdict()))
    assert csms.authorizer.clear()
    assert csms.contents == {}
    assert not rules(cache=False).authorizer.clear()


# --- at a station -------------------------------------------------------------------------------------------------


def test_a_refused_token_says_why_everywhere(bench: Any, play: Any, parts: Any, csms_settings: Any) -> None:
    async def scenario() -> None:
        office = parts.Office(answers={"BEEF": Verdict("Blocked", reason="unpaid invoices")})
        async with bench(office=office, **csms_settings) as b:
            await b.move(level="B")
            outcome = await b.station.do(SwipeToken(id_token=OTHER, evse=1))
            assert (outcome.status, outcome.reason) == ("Rejected", "unpaid invoices")
            (verdict,) = [each for each in b.facts if isinstance(each, Authorized)]
            assert (verdict.accepted, verdict.status, verdict.reason) == (False, "Blocked", "unpaid invoices")
            assert "unpaid invoices" in b.station.evses[1].why()
            assert b.transactions() == []

    play(scenario())


def test_another_token_cannot_stop_but_one_of_the_same_group_can(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        group = IdToken("FLEET", "Central")
        office = parts.Office(answers={"04A2": Verdict(group=group), "BEEF": Verdict(), "CAFE": Verdict(group=group)})
        async with bench(office=office, **csms_settings) as b:
            await b.move(level="B")
            await b.station.do(SwipeToken(id_token=CARD, evse=1))
            refused = await b.station.do(SwipeToken(id_token=OTHER, evse=1))
            assert refused.reason == "EVSE 1 is in use with another token"
            assert b.station.evses[1].transaction_id is not None
            assert (await b.station.do(SwipeToken(id_token=IdToken("CAFE"), evse=1))).accepted
            await b.settle()
            assert b.transactions()[-1].stopped_reason == "Local"
            assert b.transactions()[-1].id_token == IdToken("CAFE")

    play(scenario())


def test_any_card_ends_a_free_session_and_the_plug_is_free(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            assert b.peer.connectors[1].lock.value == "locked"
            b.peer.swipe("04A2")
            await b.until(lambda: b.transactions()[-1].kind == "Ended")
            await b.settle()
            assert b.transactions()[-1].stopped_reason == "Local"
            assert b.peer.connectors[1].lock.value == "unlocked"
            await b.pass_time(3)
            assert b.station.evses[1].transaction_id is None  # not again before the plug is pulled

    play(scenario())


def test_no_plug_in_time_drops_the_token(bench: Any, play: Any, parts: Any, csms_settings: Any) -> None:
    async def scenario() -> None:
        async with bench(office=parts.Office(answers={"04A2": Verdict()}), **csms_settings) as b:
            await b.station.do(SwipeToken(id_token=CARD))
            assert b.station.evses[1].why() == "authorised, waiting for the plug (60 s left)"
            await b.pass_time(59)
            assert b.station.evses[1].id_token == CARD
            await b.pass_time(2)
            assert b.station.evses[1].id_token is None
            assert b.statuses()[-1] == "Available"

    play(scenario())


def test_the_same_token_again_before_the_plug_takes_it_back(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        async with bench(office=parts.Office(answers={"04A2": Verdict()}), **csms_settings) as b:
            await b.station.do(SwipeToken(id_token=CARD))
            assert (await b.station.do(SwipeToken(id_token=CARD))).reason == "authorization withdrawn"
            assert b.station.evses[1].id_token is None

    play(scenario())


def test_after_the_end_a_token_must_unplug_first(bench: Any, play: Any, parts: Any, csms_settings: Any) -> None:
    async def scenario() -> None:
        async with bench(office=parts.Office(answers={"04A2": Verdict()}), **csms_settings) as b:
            await b.move(level="B")
            await b.station.do(SwipeToken(id_token=CARD))
            await b.station.do(SwipeToken(id_token=CARD))
            await b.settle()
            outcome = await b.station.do(SwipeToken(id_token=CARD))
            assert outcome.reason == "EVSE 1 has finished; unplug to start again"
            await b.move(level="A")
            assert (await b.station.do(SwipeToken(id_token=CARD))).accepted

    play(scenario())


def test_a_token_may_begin_anew_after_a_remote_stop(bench: Any, play: Any, parts: Any, csms_settings: Any) -> None:
    async def scenario() -> None:
        async with bench(office=parts.Office(answers={"04A2": Verdict()}), **csms_settings) as b:
            await b.move(level="B")
            await b.station.do(SwipeToken(id_token=CARD))
            await b.station.do(StopTransaction(transaction_id=b.station.evses[1].transaction_id))
            await b.settle()
            assert b.transactions()[-1].kind == "Ended"
            assert (await b.station.do(SwipeToken(id_token=CARD))).accepted
            await b.settle()
            assert b.transactions()[-1].kind == "Started"

    play(scenario())


def test_at_a_shared_reader_a_car_without_a_token_is_not_started_by_the_next_driver(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        evses = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))
        async with bench(office=parts.Office(answers={"04A2": Verdict()}), evse=evses, **csms_settings) as b:
            await b.move(1, level="B")
            await b.pass_time(61, step=5.0)
            assert b.station.evses[1].why() == "nobody was authorised in time; unplug to start again"
            await b.station.do(SwipeToken(id_token=CARD))
            assert b.station.evses[2].id_token == CARD
            assert b.transactions() == []

    play(scenario())


def test_a_back_office_that_breaks_is_logged_and_the_next_token_is_served(
    bench: Any, play: Any, parts: Any, csms_settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Office):
        async def authorize(self, id_token: IdToken, evse: int) -> Verdict:
            raise RuntimeError("a dialect with a bug")

    async def scenario() -> None:
        async with bench(office=Broken(None), **csms_settings) as b:
            await b.move(level="B")
            b.peer.swipe("04A2")
            await b.until(lambda: "a command failed" in caplog.text)
            b.station.back_office = parts.Office(answers={"04A2": Verdict()})
            b.peer.swipe("04A2")
            await b.until(b.transactions)

    play(scenario())


def test_the_station_reader_serves_the_evse_with_a_waiting_car(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        evses = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))
        office = parts.Office(answers={"04A2": Verdict(), "BEEF": Verdict()})
        async with bench(office=office, evse=evses, **csms_settings) as b:
            await b.move(2, level="B")
            assert (await b.station.do(SwipeToken(id_token=CARD))).accepted
            assert b.station.evses[2].transaction_id is not None
            assert (await b.station.do(SwipeToken(id_token=OTHER))).accepted
            assert b.station.evses[1].id_token == OTHER
            await b.station.do(SwipeToken(id_token=CARD))
            await b.settle()
            assert b.transactions()[-1].kind == "Ended"

    play(scenario())


def test_the_answer_to_a_transaction_may_take_the_authorization_back(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        async with bench(office=parts.Office(), **csms_settings) as b:
            await b.move(level="B")
            await b.station.do(StartTransaction(id_token=CARD, evse=1))
            running = b.station.evses[1].transaction_id
            b.station.token_verdict(CARD, Verdict("Blocked"), running)
            await b.settle()
            ended = b.transactions()[-1]
            assert (ended.kind, ended.trigger, ended.stopped_reason) == ("Ended", "Deauthorized", "DeAuthorized")
            known = b.station.authorizer.known(CARD)
            assert known is not None and known.status == "Blocked"

    play(scenario())


def test_with_stop_on_invalid_id_off_only_the_energy_stops(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        async with bench(office=parts.Office(), **csms_settings) as b:
            b.station.set_variable("TxCtrlr.StopTxOnInvalidId", "false")
            await b.move(level="B")
            await b.station.do(StartTransaction(id_token=CARD, evse=1))
            b.station.token_verdict(CARD, Verdict("Blocked"), b.station.evses[1].transaction_id)
            await b.settle()
            assert b.transactions()[-1].charging_state == "SuspendedEVSE"
            assert b.station.evses[1].transaction_id is not None

    play(scenario())


def test_remote_start_is_checked_where_the_back_office_wants_it(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        office = parts.Office(answers={"04A2": Verdict("Blocked")})
        async with bench(office=office, **csms_settings) as b:
            b.station.set_variable("AuthCtrlr.AuthorizeRemoteStart", "true")
            await b.move(level="B")
            assert (await b.station.do(StartTransaction(id_token=CARD, evse=1))).accepted  # F01.FR.01: first answer
            await b.until(lambda: office.asked == ["04A2"])
            await b.settle()
            assert b.transactions() == []
            central = IdToken("app-7", "Central")  # C05: nobody asks about this kind
            assert (await b.station.do(StartTransaction(id_token=central, evse=1))).accepted
            assert b.station.evses[1].transaction_id is not None

    play(scenario())


def test_nobody_starts_at_an_evse_out_of_service(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.station.do(SetAvailability(operative=False, evse=1))
            await b.move(level="B")
            assert b.transactions() == []
            refused = await b.station.do(StartTransaction(id_token=CARD, evse=1))
            assert refused.reason == "EVSE 1 is out of service"
            assert b.station.evses[1].why() == "out of service, set by the operator"

    play(scenario())
