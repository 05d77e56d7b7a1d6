"""A power-line modem that does not answer: AC charges on by the pilot and says so, DC cannot charge."""

from typing import Any

import msgspec

from firmware.station.facts import ConnectorStatus, FaultCleared, FaultRaised
from hal.wire import Fault

TEXT = "no power-line modem on plc0: the modem does not answer"


def told(b: Any, kind: type) -> list[Any]:
    return [fact for fact in b.facts if isinstance(fact, kind)]


def test_an_ac_connector_charges_on_and_its_status_names_the_fault(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            evse.set_modem_fault(TEXT)
            evse.set_modem_fault(TEXT)  # each second
            await b.settle()
            (raised,) = told(b, FaultRaised)
            assert (raised.evse, raised.connector, raised.code, raised.text) == (1, 1, "plc_modem", TEXT)
            assert [fault.text for fault in evse.faults] == [TEXT]  # the status page
            status = told(b, ConnectorStatus)[-1]  # the back office
            assert (status.state, status.error_code) == ("Available", "EVCommunicationError")
            assert status.info == TEXT[:50]
            await b.move(level="C")
            await b.until(lambda: b.peer.connectors[1].closed)
            evse.set_modem_fault("")
            await b.settle()
            (cleared,) = told(b, FaultCleared)
            assert cleared.code == "plc_modem"
            assert evse.faults == ()
            assert told(b, ConnectorStatus)[-1].error_code == "NoError"
            assert b.peer.connectors[1].closed

    play(scenario())


def test_a_dc_connector_is_faulted_until_the_modem_is_back(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            evse.hello((msgspec.structs.replace(evse.capability, dc=True),))
            evse.set_modem_fault(TEXT)
            await b.settle()
            status = told(b, ConnectorStatus)[-1]
            assert (status.state, status.error_code) == ("Faulted", "EVCommunicationError")
            evse.set_modem_fault("")
            await b.settle()
            assert told(b, ConnectorStatus)[-1].state == "Available"

    play(scenario())


def test_the_guards_faults_and_ours_stand_side_by_side(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            evse.set_modem_fault(TEXT)
            await b.move(faults=(Fault("over_temperature", "too hot", 1.0),))
            assert [fault.code for fault in evse.faults] == ["over_temperature", "plc_modem"]
            status = told(b, ConnectorStatus)[-1]
            assert (status.state, status.error_code) == ("Faulted", "HighTemperature")
            await b.move(faults=())
            assert [fault.code for fault in told(b, FaultCleared)] == ["over_temperature"]

    play(scenario())
