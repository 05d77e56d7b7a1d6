"""A paused session over real sockets: kept for its car, also across a restart, and for nobody else."""

from dataclasses import replace
from typing import Any, Final

from firmware.station.commands import StopTransaction
from firmware.v2g.ending import Resume
from firmware.v2g.messages import iso2

PAUSED: Final = Resume(b"before!!", 1)


def test_a_pause_is_kept_with_the_transaction_until_the_car_goes_on(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", *site.to_loop[:1], "SessionStop Pause"):
            await site.ask(name)
        await site.until(lambda: site.evse.paused != "")
        kept = Resume.read(site.evse.paused)
        assert kept is not None
        assert kept.session_id == site.session_id
        await site.hang_up()
        site.evse.report(level="C")  # B-C-B: the car wakes
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_OldSessionJoined
        await site.until(lambda: not site.evse.paused)
        assert site.desk.commands == []

    on_site(test)


def test_the_next_car_does_not_go_on_with_the_session_that_the_last_one_paused(on_site: Any) -> None:
    """The plug was out in between; whoever names the old id is somebody else."""

    async def test(site: Any) -> None:
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", *site.to_loop[:1], "SessionStop Pause"):
            await site.ask(name)
        await site.until(lambda: site.evse.paused != "")
        paused = site.session_id
        await site.hang_up()
        site.evse.report(level="A", paused="")  # the station has ended the transaction
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.session_id = paused
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_NewSessionEstablished
        assert site.session_id != paused

    on_site(test)


def test_after_a_restart_the_car_that_paused_goes_on_by_its_session_id(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B", paused=PAUSED.written())
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.session_id = PAUSED.session_id
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_OldSessionJoined
        await site.until(lambda: not site.evse.paused)
        assert site.desk.commands == []

    on_site(test)


def test_after_a_restart_another_session_ends_the_transaction_of_the_car_that_paused(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B", paused=PAUSED.written())
        await site.connect()
        await site.ask("SupportedAppProtocol")
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_NewSessionEstablished
        await site.until(lambda: site.desk.commands != [])
        [stop] = site.desk.commands
        assert isinstance(stop, StopTransaction)
        assert (stop.transaction_id, stop.reason) == ("tx1", "EVDisconnected")

    on_site(test)


def test_after_a_restart_another_car_with_the_same_session_id_does_not_take_the_transaction(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B", paused=replace(PAUSED, evccid="02C0FFEE9999").written())
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.session_id = PAUSED.session_id
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_NewSessionEstablished
        await site.until(lambda: site.desk.commands != [])
        [stop] = site.desk.commands
        assert isinstance(stop, StopTransaction)
        assert (stop.transaction_id, stop.reason) == ("tx1", "EVDisconnected")

    on_site(test)


def test_after_a_restart_basic_charging_ends_the_transaction_of_the_car_that_paused(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B", paused=PAUSED.written(), nominal=True)
        await site.until(lambda: site.desk.commands != [])
        assert not site.evse.paused

    on_site(test)


def test_after_a_restart_a_car_that_paused_before_it_was_authorised_goes_on_or_begins_anew(on_site: Any) -> None:
    """There is no transaction that somebody else could take."""

    async def test(site: Any) -> None:
        site.evse.report(level="B", transaction_id=None, paused=PAUSED.written())
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.session_id = PAUSED.session_id
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_OldSessionJoined
        await site.until(lambda: not site.evse.paused)
        await site.hang_up()
        site.evse.report(level="A")
        site.evse.report(level="B", paused=PAUSED.written())
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.session_id = bytes(8)
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_NewSessionEstablished
        await site.until(lambda: not site.evse.paused)
        assert site.desk.commands == []

    on_site(test)
