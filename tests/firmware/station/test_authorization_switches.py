"""Each variable of AuthCtrlr, AuthCacheCtrlr and LocalAuthListCtrlr does what it says; list, cache and groups."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from firmware.config import AuthorizationSettings, EvseSettings
from firmware.station.authorization import Authorizer, Verdict
from firmware.station.commands import SwipeToken
from firmware.station.facts import IdToken
from firmware.station.journal import Change, Contents
from firmware.station.local_list import Entry, Listed

CARD, OTHER = IdToken("04A2"), IdToken("0B0B")
GROUP = IdToken("FLEET", "Central")


class Office:
    """Says the same of every token, and counts how often it was asked."""

    def __init__(self, verdict: Verdict, *, connected: bool = True) -> None:
        self.verdict = verdict
        self.connected = connected
        self.asked = 0

    async def authorize(self, id_token: IdToken, evse: int) -> Verdict:
        self.asked += 1
        return self.verdict


class Rules:
    """An Authorizer whose variables are a dict."""

    def __init__(self, clock: Any) -> None:
        self.contents: Contents = {}
        self.set: dict[str, str] = {}
        self.clock = clock
        self.authorizer = Authorizer(AuthorizationSettings(mode="csms"), clock, self.keep, self.flag, text=self.text)

    def keep(self, change: Change) -> None:
        if change.body is None:
            self.contents.pop((change.kind, change.key), None)
        else:
            self.contents[change.kind, change.key] = change.body

    def flag(self, name: str, default: bool) -> bool:
        return self.set.get(name, str(default)).lower() == "true"

    def text(self, name: str, default: str) -> str:
        return self.set.get(name, default)

    def check(self, office: Office | None = None, id_token: IdToken = CARD, evse: int = 1) -> Verdict:
        return asyncio.run(self.authorizer.check(id_token, evse, office))

    def lists(self, listed: Listed, id_token: IdToken = CARD) -> None:
        assert self.authorizer.local_list.update(1, "Full", [Entry(id_token, listed)]).status == "Accepted"


@pytest.fixture
def rules(parts: Any) -> Callable[[], Rules]:
    return lambda: Rules(parts.HandClock())


def test_authorization_switched_off_asks_nobody(rules: Any) -> None:
    made, office = rules(), Office(Verdict("Blocked"))
    made.set["AuthCtrlr.Enabled"] = "false"
    assert made.check(office).accepted and office.asked == 0


def test_a_listed_token_starts_without_asking_where_that_is_wanted(rules: Any) -> None:  # C14.FR.02
    made, office = rules(), Office(Verdict("Blocked"))
    made.lists(Listed(group=GROUP))
    assert not made.check(office).accepted and office.asked == 1  # C01.FR.05: it may ask
    made.set["AuthCtrlr.LocalPreAuthorize"] = "true"
    verdict = made.check(office)
    assert verdict.accepted and verdict.group == GROUP and verdict.source == "local_list" and office.asked == 1


def test_a_listed_refusal_is_asked_about_unless_that_is_not_wanted(rules: Any) -> None:  # C14.FR.03
    made, office = rules(), Office(Verdict())
    made.lists(Listed("Blocked"))
    assert made.check(office).accepted and office.asked == 1
    made.set["LocalAuthListCtrlr.DisablePostAuthorize"] = "true"
    assert made.check(office).status == "Blocked" and office.asked == 1


def test_a_cached_refusal_is_asked_about_unless_that_is_not_wanted(rules: Any) -> None:  # C10.FR.03, C12.FR.05
    made, office = rules(), Office(Verdict())
    made.authorizer.learn(CARD, Verdict("Blocked"))
    made.set["AuthCacheCtrlr.DisablePostAuthorize"] = "true"
    assert made.check(office).status == "Blocked" and office.asked == 0
    made.set["AuthCacheCtrlr.DisablePostAuthorize"] = "false"
    assert made.check(office).accepted and office.asked == 1


def test_the_back_office_need_not_be_asked_at_all(rules: Any) -> None:
    made, office = rules(), Office(Verdict())
    made.set["AuthCtrlr.DisableRemoteAuthorization"] = "true"
    assert made.check(office).status == "Unknown"
    made.lists(Listed())
    assert made.check(office).accepted and office.asked == 0


def test_a_list_has_priority_over_the_cache_and_its_tokens_leave_it(rules: Any) -> None:  # C13.FR.01
    made = rules()
    made.authorizer.learn(CARD, Verdict())
    made.lists(Listed("Blocked"))
    assert made.authorizer.known(CARD).source == "local_list"
    made.authorizer.learn(CARD, Verdict())
    assert not [key for kind, key in made.contents if kind == "token"]


def test_a_list_that_is_switched_off_counts_for_nothing(rules: Any) -> None:
    made = rules()
    made.lists(Listed())
    made.set["LocalAuthListCtrlr.Enabled"] = "false"
    assert not made.check().accepted


def test_an_expired_entry_is_no_unknown_token(rules: Any) -> None:  # C13.FR.02, 05, 06, C14.FR.05
    made = rules()
    made.lists(Listed(expiry=made.clock.utc() - 1))
    made.set["AuthCtrlr.OfflineTxForUnknownIdEnabled"] = "true"
    assert made.check().status == "Expired"
    made.set["LocalAuthListCtrlr.SupportsExpiryDateTime"] = "false"
    assert made.check().accepted


def test_offline_rules(rules: Any) -> None:  # C13, C15
    made = rules()
    made.lists(Listed())
    assert made.check().accepted
    assert not made.check(id_token=OTHER).accepted
    made.set["AuthCtrlr.LocalAuthorizeOffline"] = "false"
    assert not made.check().accepted
    made.set["AuthCtrlr.OfflineTxForUnknownIdEnabled"] = "true"
    assert made.check(id_token=OTHER).source == "offline"
    assert OTHER.token not in str(made.contents)  # C15.FR.01


def test_who_is_known_as_refused_is_not_unknown_offline(rules: Any) -> None:
    made = rules()
    made.set |= {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true", "AuthCtrlr.LocalAuthorizeOffline": "false"}
    made.authorizer.learn(CARD, Verdict("NoCredit"))  # prepaid, used up
    assert made.check().status == "NoCredit"


def test_the_cache_lives_as_long_as_it_shall_since_its_last_use(rules: Any) -> None:  # C10.FR.08
    made = rules()
    made.set |= {"AuthCacheCtrlr.LifeTime": "7200", "AuthCtrlr.LocalPreAuthorize": "true"}
    made.authorizer.learn(CARD, Verdict())
    made.clock.now += 7000
    assert made.check(Office(Verdict("Blocked"))).accepted
    made.clock.now += 7000  # 14,000 s after it was learnt, but used meanwhile
    assert made.check(Office(Verdict("Blocked"))).accepted
    made.clock.now += 7201
    assert made.check(Office(Verdict("Blocked"))).status == "Blocked"


def test_an_expiry_of_its_own_counts_instead_of_the_life_time(rules: Any) -> None:
    made = rules()
    made.set["AuthCacheCtrlr.LifeTime"] = "60"
    made.authorizer.learn(CARD, Verdict(expiry=made.clock.utc() + 3600))
    made.clock.now += 3599
    assert made.authorizer.known(CARD).accepted
    made.clock.now += 2
    assert made.authorizer.known(CARD).status == "Expired"  # C10.FR.10


def test_a_token_for_another_evse_is_refused_here(rules: Any) -> None:
    made = rules()
    assert made.check(Office(Verdict(evses=(2,)))).status == "NotAllowedTypeEVSE"
    assert made.check(Office(Verdict(evses=(2,))), evse=2).accepted
    made.lists(Listed(evses=(2,)))
    assert not made.check().accepted and made.check(evse=2).accepted


@pytest.mark.parametrize("known", [True, False], ids=["known here", "asked for"])
def test_a_master_pass_stops_everything_and_starts_nothing(
    bench: Any, play: Any, csms_settings: Any, parts: Any, known: bool
) -> None:  # C16.FR.02, 03, C12.FR.09
    async def scenario() -> None:
        master = Verdict(group=IdToken("MASTER"))
        office = parts.Office(answers={"04A2": Verdict(), "0B0B": Verdict(), "FFFF": master})
        evses = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))
        async with bench(office=office, evse=evses, **csms_settings) as b:
            b.station.set_variable("AuthCtrlr.MasterPassGroupId", "master")
            if known:
                b.station.token_verdict(IdToken("FFFF"), master)
            assert (await b.station.do(SwipeToken(id_token=IdToken("FFFF"), evse=1))).accepted
            await b.move(1, level="B")
            assert b.transactions() == []
            for evse, card in ((1, CARD), (2, OTHER)):
                await b.station.do(SwipeToken(id_token=card, evse=evse))
                await b.move(evse, level="B")
            assert [each.kind for each in b.transactions()] == ["Started", "Started"]
            await b.station.do(SwipeToken(id_token=IdToken("FFFF"), evse=1))
            await b.until(lambda: [e.transaction_id for e in b.station.evses.values()] == [None, None])
            await b.settle()
            ended = [each for each in b.transactions() if each.kind == "Ended"]
            assert [each.stopped_reason for each in ended] == ["MasterPass", "MasterPass"]

    play(scenario())


def test_with_authorization_switched_off_a_plug_is_enough(
    bench: Any, play: Any, csms_settings: Any, parts: Any
) -> None:
    async def scenario() -> None:
        office = parts.Office()
        async with bench(office=office, **csms_settings) as b:
            b.station.set_variable("AuthCtrlr.Enabled", "false")
            await b.move(level="B")
            assert [each.id_token.kind for each in b.transactions()] == ["NoAuthorization"]
            assert office.asked == []

    play(scenario())
