"""Board files with a [controller.<name>]: every wrong key is refused with its place and the nearest right one."""

from pathlib import Path

import pytest

from hal.board import load
from hal.toml_document import ConfigError

BOARDS = Path(__file__).parents[3] / "board-configs"


@pytest.mark.parametrize(
    ("board", "change", "said"),
    [
        ("sim-mcu", ("[controller.mcu]", "[controler.mcu]"), "controler: unknown section; did you mean controller?"),
        ("sim-mcu", ('controller = "mcu"', 'controller = "mcv"'), "controller: no controller 'mcv'; did you mean mcu?"),
        ("sim-mcu", ("port =", "prot ="), "[controller.mcu] prot: unknown key; did you mean port?"),
        ("sim-mcu", ('"pilotline_mcu"', '"pilotline_mc"'), "no driver 'pilotline_mc'; did you mean pilotline_mcu?"),
        ("sim-mcu", ('"pilotline_mcu"', '"controller_rcd"'), "'controller_rcd' is no controller: lacks feed"),
        ("sim-mcu", ('"controller_rcd"', '"pilotline_mcu"'), "'pilotline_mcu' is no rcd: lacks reset, test, tripped"),
        ("sim-mcu", ('"controller_rcd"', '"controller_rcd"\noutlet = 2'), "outlet: controller 'mcu' has 1"),
        ("sim-mcu", ('"mcu_lease"', '"own_protection"'), "own_protection without a controller that does so; these"),
        ("raspberry-pi-openevse", ('"own_protection"', '"mcu_lease"'), "mcu_lease without a controller that does so"),
        ("raspberry-pi-openevse", ("digital = false", ""), "openevse_rapi cannot show 5 %; write digital = false"),
        (
            "raspberry-pi-simpleevse",
            ('bus = "line"', 'bus = "lime"'),
            ":18: [controller.main] bus: no bus 'lime'; did you mean line?",
        ),
        ("raspberry-pi-simpleevse", ("phases = 3", "phases = 2"), "phases: 2 is not one of 1, 3"),
        ("belaybox-yeti", ('"yeti"\nport', '"yetti"\nport'), "'yetti' is not one of yeti"),
        ("belaybox-yeti", ('"yeti"\nport', '"ad_acevse22"\nport'), "mcu_lease without a controller that does so"),
        ("belaybox-yeti", ("reset_line", 'coil = "dc1"\nreset_line'), 'yeti has one contactor: coil = "ac"'),
        ("phytec-phyverso", ("hardware_revision = 2", ""), "phyverso asks at its start how it is wired: add hardw"),
        ("chargebyte-charge-som", ('"mcu_lease"', '"line_release"'), "line_release is refused for DC"),
        ("chargebyte-charge-som", ("[0, 1]", "[0, 3]"), "contactors: expected a whole number <= 2"),
        ("sim-dc-ccs2", ('"hardware_watchdog"', '"own_protection"'), "own_protection is refused for DC"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_board(tmp_path: Path, board: str, change: tuple[str, str], said: str) -> None:
    text = (BOARDS / f"{board}.toml").read_text()
    assert change[0] in text
    path = tmp_path / "board.toml"
    path.write_text(text.replace(*change, 1))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("board", "contactor"),
    [
        ("sim-dc-ccs2", "[connector.contactor]"),
        ("sim-nacs", "[connector.contactor]"),
        ("sim-nacs", "[connector.ac_contactor]"),
    ],
)
def test_a_controller_that_closes_by_itself_is_refused_for_dc(tmp_path: Path, board: str, contactor: str) -> None:
    head, _, tail = (BOARDS / f"{board}.toml").read_text().partition(contactor)
    _, _, rest = tail.partition("\n[")
    controller = '[controller.main]\ndriver = "openevse_rapi"\nport = "/dev/ttyAMA0"\n\n[[connector]]'
    text = f'{head}{contactor}\ndriver = "controller_contactor"\ncontroller = "main"\n\n[{rest}'
    path = tmp_path / "board.toml"
    path.write_text(text.replace("[[connector]]", controller, 1))
    with pytest.raises(ConfigError, match="openevse_rapi closes by its own judgement"):
        load(path)
