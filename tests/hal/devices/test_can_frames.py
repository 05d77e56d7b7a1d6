"""Frames of the makers' papers, as a log of `candump` has them and python-can reads and writes them: what our drivers
send and how they understand what they hear, byte for byte. The reader and writer of logs is not ours.
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any

import can
import pytest

from hal.board import load
from hal.can.frame import Frame
from hal.can.protocol import Heard, ModuleProtocol, Rating
from hal.contracts import DeviceError, Place
from hal.drivers import huawei_r48xx, huawei_r100040gx, infypower, uugreenpower, winline
from hal.toml_document import ConfigError

BOARDS = Path(__file__).parents[3] / "board-configs"
INFY, BEG = infypower.Modules(), infypower.System()
UU, WINLINE, DPM = uugreenpower.Modules("low"), winline.Modules(0), winline.Dpm(3)
GX, R48 = huawei_r100040gx.Modules(), huawei_r48xx.Modules(50.0)

#: what is sent -> as candump shows it
SENT: list[tuple[tuple[Frame, ...], str]] = [
    (INFY.measure(0), "028300F0#0000000000000000"),
    (INFY.set_point(1, 400.0, 50.0, 2), "029C01F0#00061A800000C350"),
    (INFY.switch(1, on=True), "029A01F0#0000000000000000"),
    (INFY.switch(1, on=False), "029A01F0#0100000000000000"),
    (BEG.measure(0), "02E300F0#1001000000000000 02E300F0#1002000000000000"),
    (BEG.set_point(0, 500.0, 20.0, 1), "02E400F0#100100000007A120 02E400F0#1002000000004E20"),
    (BEG.switch(0, on=True), "02E400F0#11100000000000A0"),
    (BEG.prepare(0), "02E400F0#21100000000000A0"),
    (UU.measure(1), "02204000#1200000000000000 02204000#1201000000000000"),
    (UU.set_point(1, 400.0, 50.0, 1), "02204000#1002000000061A80 02204000#100300000000C350"),
    (UU.switch(1, on=False), "02204000#1004000000000001"),
    (UU.prepare(1), "02204000#105F000000000002"),
    (WINLINE.measure(1), "06080F80#1000000100000000 06080F80#1000000200000000"),
    (WINLINE.set_point(1, 400.0, 50.0, 1), "06080F80#0300002143C80000 06080F80#0300001B0000C800"),
    (WINLINE.switch(1, on=True), "06080F80#0300003000000000"),
    (WINLINE.switch(1, on=False), "06080F80#0300003000010000"),
    (DPM.measure(1)[:1], "06080F83#0100000100000000"),
    (DPM.set_point(1, 400.0, 50.0, 1), "06080F83#0300002143C80000 06080F83#030000223F000000"),
    (DPM.switch(1, on=False), "06080F83#0000808000000000 06080F83#0300003000000001"),
    (GX.measure(1), "068140FC#000000AA00400000"),
    (GX.set_point(1, 400.0, 50.0, 2), "068180FC#0100000000064000 068180FC#010F00020000C800"),
    (GX.switch(1, on=False), "068180FC#0132000100000000"),
    (GX.prepare(1), "068181FC#014A000100000000"),
    (R48.measure(0), "108040FE#0000000000000000"),
    (R48.set_point(0, 53.5, 25.0, 1), "108080FE#010000000000D600 108080FE#0103000000000200"),
    (R48.set_point(1, 53.5, 25.0, 1), "108180FE#010000000000D600 108180FE#0103000000000200"),
    (R48.switch(0, on=False), "108080FE#0132000100000000"),
]
HEARD: list[tuple[ModuleProtocol, str, Heard | None]] = [
    (INFY, "0283F000#43C8000042480000", Heard(0, "output", 400.0, 50.0)),
    (INFY, "0283F003#C3C80000C1200000", Heard(3, "output", -400.0, -10.0)),
    (INFY, "0E83F000#43C8000042480000", None),  # with an error code
    (INFY, "028AF001#03E8003203E80BB8", Heard(1, "rating", rating=Rating(1000.0, 50.0, 100.0, 30_000.0))),
    (INFY, "0284F001#0000000000800600",
     Heard(1, "state", alarms=("module fault", "protection", "PFC off"), failed=True)),
    (BEG, "02E3F000#100100000007A120", Heard(0, "volts", voltage_v=500.0)),
    (BEG, "02E3F000#10020000FFFFB1E0", Heard(0, "amps", current_a=-20.0)),
    (BEG, "02E3F000#1132000000019A28", Heard(0, "rating", rating=Rating(max_current_a=105.0))),
    (UU, "02205357#1300000000061A80", Heard(1, "volts", voltage_v=400.0)),
    (UU, "02205357#130100000000C350", Heard(1, "amps", current_a=50.0)),
    (UU, "02205357#1100000000061A80", None),  # the answer to a command
    (UU, "04205357#1300000000061A80", None),  # another protocol
    (WINLINE, "060F8008#41F0000143C80000", Heard(1, "volts", voltage_v=400.0)),
    (WINLINE, "060F8008#41F2000143C80000", None),
    (WINLINE, "060F8008#42F0004040800001",
     Heard(1, "state", alarms=("module fault", "power limited", "over-temperature"), failed=True)),
    (WINLINE, "060F8008#42F0004000400000", Heard(1, "state", alarms=())),  # off, as it was told
    (DPM, "060F800B#0100000242480000", Heard(1, "amps", current_a=50.0)),
    (DPM, "060F800B#8100000242480000", None),
    (GX, "0681407C#0191000001F40FA0", Heard(1, "output", 400.0, 50.0)),
    (GX, "0681407C#2191000001F40FA0", None),
    (R48, "1081407F#017500000000D600", Heard(1, "volts", voltage_v=53.5)),
    (R48, "1081407E#0181000000006400", Heard(1, "amps", current_a=25.0)),
    (R48, "1081407F#017100000000C800", None),
    (R48, "1081507E#0005000000000001", Heard(1, "information")),
    (R48, "1081807E#010000000000D600", None),  # the answer to a command
]  # fmt: skip


#: identifiers of frames that we need not send, from the same papers: groups, broadcasts
IDS = [
    (infypower.can_id(0xB, 0x02, 1), 0x02C201F0),
    (uugreenpower.can_id(0), 0x02200000),
    (huawei_r100040gx.can_id(0x0D, 0, 0x50, 0xFC), 0x068050FC),
]


@pytest.mark.parametrize(("made", "paper"), IDS, ids=[f"{paper:08X}" for _, paper in IDS])
def test_identifiers_are_those_of_the_papers(made: int, paper: int) -> None:
    assert made == paper


ONE = 'driver = "winline"\ncan = "power"\nmodules = [1]'


def of_log(folder: Path, frames: str) -> list[Frame]:
    """Frames of a candump log, as python-can reads it."""
    path = folder / "can.log"
    path.write_text("".join(f"(1700000000.000000) can0 {frame} R\n" for frame in frames.split()))
    with can.CanutilsLogReader(path) as log:
        return [Frame(message.arbitration_id, bytes(message.data)) for message in log if message.is_extended_id]


@pytest.mark.parametrize(("frames", "shown"), SENT, ids=[shown for _, shown in SENT])
def test_what_is_sent(tmp_path: Path, frames: tuple[Frame, ...], shown: str) -> None:
    assert list(frames) == of_log(tmp_path, shown)


@pytest.mark.parametrize(("protocol", "shown", "heard"), HEARD, ids=[shown for _, shown, _ in HEARD])
def test_what_is_heard(tmp_path: Path, protocol: ModuleProtocol, shown: str, heard: Heard | None) -> None:
    (frame,) = of_log(tmp_path, shown)
    assert protocol.heard(frame) == heard


@pytest.mark.parametrize("protocol", [INFY, BEG, UU, WINLINE, DPM, GX, R48], ids=lambda p: type(p).__name__)
def test_no_frame_is_too_short_or_too_odd(protocol: ModuleProtocol) -> None:
    ids = [int(shown.split("#")[0], 16) for _, shown, _ in HEARD]
    for can_id in (*ids, 0, 0x1FFFFFFF):
        for data in (b"", b"\0", bytes(7), bytes(8), b"\xff" * 8, b"\x41\xf0" + b"\xff" * 6, b"\x13\x63" + bytes(6)):
            protocol.heard(Frame(can_id, data))


def board(folder: Path, buses: str, keys: str) -> Any:
    text = (BOARDS / "sim-dc-ccs2.toml").read_text()
    text = text.replace("[[connector]]", buses + "\n[[connector]]", 1).replace('driver = "sim_dc_supply"', keys)
    path = folder / "board.toml"
    path.write_text(text)
    return load(path)


def test_two_supplies_share_a_bus_that_a_library_listens_to(tmp_path: Path) -> None:
    """Interface `virtual`: the other end is python-can's own. What is sent goes into a log that it writes."""
    made = board(
        tmp_path,
        '[can.power]\ninterface = "virtual"\nchannel = "shared"\n',
        ONE.replace("winline", "infypower"),
    )
    cans = made.make_cans()
    first = made.connectors[0].parts["dc_supply"].driver
    second = winline.Driver(can="power", modules=(7,))
    log = tmp_path / "out.log"
    with can.Bus(interface="virtual", channel="shared") as peer:
        for supply in (first, second):
            supply.attach(Place(1, "dc_supply", cans=cans))
        first.set(400.0, 50.0, on=True)
        seen: list[can.Message] = []
        until = time.monotonic() + 10.0
        while len(seen) < 4 and time.monotonic() < until:
            if (message := peer.recv(0.1)) is not None:
                seen.append(message)
        with can.CanutilsLogWriter(log) as writer:
            for message in seen:
                writer.on_message_received(message)
        for supply in (first, second):
            supply.detach()
    lines = [line.split()[2] for line in log.read_text().splitlines()]
    assert lines == [
        "029A01F0#0100000000000000",
        "06083F80#0300003000010000",
        "029C01F0#00061A800000C350",
        "029A01F0#0000000000000000",
    ]


def test_a_bus_that_is_not_there_is_said_with_its_place(tmp_path: Path) -> None:
    made = board(
        tmp_path,
        '[can.power]\ninterface = "slcan"\nchannel = "/nowhere/tty"\n',
        ONE,
    )
    driver = made.connectors[0].parts["dc_supply"].driver
    before = threading.active_count()
    with pytest.raises(DeviceError, match="can power \\(/nowhere/tty\\): cannot be opened"):
        driver.attach(Place(1, "dc_supply", cans=made.make_cans()))
    assert threading.active_count() == before


def test_without_python_can_a_board_is_checked_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "can", None)
    for name in [name for name in sys.modules if name.startswith(("hal.can.", "hal.drivers."))]:
        monkeypatch.delitem(sys.modules, name)
    made = board(tmp_path, '[can.power]\ninterface = "virtual"\nchannel = "x"\n', ONE)
    with pytest.raises(DeviceError, match="install pilotline\\[can\\]"):
        made.make_cans()


@pytest.mark.parametrize(
    ("buses", "keys", "said"),
    [
        ("", ONE, "no CAN bus 'power'; add [can.power]"),
        ("", 'driver = "winline"\ncan = "power"\nmodules = []', "modules: "),
        ("", 'driver = "winline"\ncan = "power"\nmodules = [1, 1]', "modules has an address twice"),
        ('[can.power]\ninterface = "virtual"\nchannel = "x"\n', ONE.replace("power", "powr"), "did you mean power?"),
        ('[can.power]\ninterface = "virtual"\nchannel = "x"\nport = 5\n', ONE, "port belongs to"),
        ('[can.power]\ninterface = "can"\nchannel = "x"\n', ONE, "interface: "),
    ],
)
def test_what_is_wrong_with_a_board_file(tmp_path: Path, buses: str, keys: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        board(tmp_path, buses, keys)
    assert said in str(caught.value)
