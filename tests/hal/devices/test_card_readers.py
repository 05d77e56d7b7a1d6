"""Card readers against the real bytes: one token per presentation, absent is a state, back is back."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hal.contracts import DeviceError, Place
from hal.drivers import hid_reader, pn532_i2c, pn532_uart, wiegand_reader
from hal.readers import pn532, wiegand
from hal.readers.presentation import GONE_S, Presentation
from hil.devices.card_readers import Pn532Chip, Trouble, TypingReader

UID = bytes.fromhex("04A1B2C3D4E5F6")


def polled(driver: Any, wanted: Callable[[str | None], bool], within_s: float = 15.0) -> str | None:
    """Poll until the answer is the wanted one. A DeviceError on the way is another answer."""
    until = time.monotonic() + within_s
    while True:
        try:
            token = driver.poll()
        except DeviceError:
            token = None
        else:
            if wanted(token):
                return str(token) if token else None
        assert time.monotonic() < until
        time.sleep(0.02)


# --- PN532 ----------------------------------------------------------------------------------------------------------


def test_frames_are_those_of_the_manual() -> None:
    """UM0701-02: GetFirmwareVersion is 00 00 FF 02 FE D4 02 2A 00; the ACK 00 00 FF 00 FF 00."""
    assert pn532.frame(b"\x02").hex() == "0000ff02fed4022a00"
    assert pn532.frame(bytes((0x14, 1, 0, 1))).hex() == "0000ff05fbd4140100011600"  # SAMConfiguration
    assert pn532.frame(pn532.LIST_TYPE_A).hex() == "0000ff04fcd44a0100e100"  # InListPassiveTarget
    assert pn532.take(bytes.fromhex("0000ff00ff00")) == (b"", 6)
    with pytest.raises(DeviceError, match="damaged"):  # a NACK is what a host says, never a reader
        pn532.take(bytes.fromhex("0000ffff0000"))


@pytest.mark.parametrize("cut", range(13))
def test_half_a_frame_waits_for_the_rest(cut: int) -> None:
    assert pn532.take(bytes.fromhex("0000ff06fad50332010607e800")[:cut])[0] is None or cut == 12


@pytest.fixture(params=["uart", "i2c"])
def chip(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Pn532Chip, Any]]:
    with Pn532Chip(i2c=request.param == "i2c") as made:
        if request.param == "uart":
            driver: Any = pn532_uart.Driver(str(made.path))
        else:
            (tmp_path / "i2c-3").symlink_to(made.path)
            driver = pn532_i2c.Driver(3)
        driver.attach(Place(1, "token_reader", dev=tmp_path))
        yield made, driver
        driver.detach()


def test_a_card_is_read_once_per_presentation(chip: tuple[Pn532Chip, Any]) -> None:
    made, driver = chip
    assert polled(driver, lambda token: token is None) is None
    made.card = UID
    assert polled(driver, bool) == UID.hex().upper()
    assert driver.poll() is None
    made.card = bytes.fromhex("DEADBEEF")
    assert polled(driver, bool) == "DEADBEEF"


@pytest.mark.parametrize("trouble", ["silence", "garbage", "no ack", "bad checksum", "slow"])
def test_trouble_is_said_and_over_when_it_is_over(chip: tuple[Pn532Chip, Any], trouble: Trouble) -> None:
    made, driver = chip
    polled(driver, lambda token: token is None)
    made.card, made.trouble, made.slow_s = UID, trouble, 1.0
    began = time.monotonic()
    with pytest.raises(DeviceError, match="card reader"):
        driver.poll()
    assert time.monotonic() - began < 15.0
    made.trouble = ""
    assert polled(driver, bool) == UID.hex().upper()


def test_an_absent_reader_is_a_state_and_works_when_it_comes(tmp_path: Path) -> None:
    driver = pn532_uart.Driver(str(tmp_path / "ttyUSB0"))
    driver.attach(Place(1, "token_reader"))
    with pytest.raises(DeviceError, match="cannot be opened"):
        driver.poll()
    with Pn532Chip() as made:
        (tmp_path / "ttyUSB0").symlink_to(made.path)
        made.card = UID
        assert polled(driver, bool) == UID.hex().upper()
    with pytest.raises(DeviceError):
        for _ in range(3):
            driver.poll()
    driver.detach()


# --- a reader that types --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "typed", "token"),
    [
        ({}, "04A1B2C3\n", "04A1B2C3"),
        ({"reverse": True}, "04A1B2C3\n", "C3B2A104"),
        ({"digits": "decimal"}, "0077705923\n", "04A1B2C3"),
        ({"digits": "decimal", "reverse": True}, "0077705923\n", "C3B2A104"),
        ({}, "04A1B2C\n", None),  # half a byte is missing
        ({"digits": "decimal"}, "9999999999\n", None),  # more than four bytes
        ({}, "04A1B2C3", None),  # no Enter yet
    ],
)
def test_what_is_typed_becomes_the_identifier(tmp_path: Path, keys: dict[str, Any], typed: str, token: str) -> None:
    world = TypingReader(tmp_path, "Sycreader RFID")
    driver = hid_reader.Driver("Sycreader RFID", **keys)
    driver.attach(Place(1, "token_reader", None, world.sysfs, world.dev))
    assert driver.poll() is None
    world.type(typed)
    assert driver.poll() == token
    driver.detach()


def test_a_typing_reader_that_is_unplugged_comes_back(tmp_path: Path) -> None:
    world = TypingReader(tmp_path, "reader")
    driver = hid_reader.Driver("reader")
    driver.attach(Place(1, "token_reader", None, world.sysfs, world.dev))
    assert driver.poll() is None
    world.unplug()
    with pytest.raises(DeviceError, match="unplugged"):
        driver.poll()
    with pytest.raises(DeviceError):
        driver.poll()
    world.plug()
    assert driver.poll() is None
    world.type("AABBCCDD\n")
    assert driver.poll() == "AABBCCDD"
    driver.detach()


def test_a_reader_of_another_name_is_not_taken(tmp_path: Path) -> None:
    world = TypingReader(tmp_path, "USB keyboard")
    driver = hid_reader.Driver("reader")
    driver.attach(Place(1, "token_reader", None, world.sysfs, world.dev))
    with pytest.raises(DeviceError, match="0 input devices of that name"):
        driver.poll()


# --- Wiegand --------------------------------------------------------------------------------------------------------


def with_parity(data: str) -> list[int]:
    half = len(data) // 2
    even, odd = data[:half].count("1") % 2, 1 - data[half:].count("1") % 2
    return [even, *map(int, data), odd]


@pytest.mark.parametrize(
    ("bits", "token"),
    [
        (with_parity(f"{0x7B3039:024b}"), "7B3039"),  # facility 123, card 12345
        (with_parity(f"{0x04A1B2C3:032b}"), "04A1B2C3"),
        ([int(each) for each in f"{0xDEADBEEF:032b}"], "DEADBEEF"),
        (with_parity(f"{0x7B3039:024b}")[:-1], None),
        ([1 - bit for bit in with_parity(f"{0x7B3039:024b}")[:1]] + with_parity(f"{0x7B3039:024b}")[1:], None),
        ([], None),
    ],
)
def test_bits_become_an_identifier_only_with_the_right_parity(bits: list[int], token: str | None) -> None:
    assert wiegand.token(bits) == token


def test_every_single_flipped_bit_of_26_is_refused() -> None:
    good = with_parity(f"{0x7B3039:024b}")
    for index in range(26):
        assert wiegand.token([bit ^ (index == at) for at, bit in enumerate(good)]) is None


def test_pulses_on_two_lines_are_read_as_one_number(tmp_path: Path) -> None:
    chip = tmp_path / "gpiochip0"
    chip.mkdir()
    for line in ("D0", "D1"):
        (chip / line).write_text("1")
    driver = wiegand_reader.Driver("D0", "D1")
    driver.attach(Place(1, "token_reader", dev=tmp_path))
    assert driver.poll() is None
    at = time.monotonic() - 1.0
    with (chip / "D0.edges").open("a") as file:
        for number in (0x7B3039, 0x7B3040):
            for bit in with_parity(f"{number:024b}"):
                at += 0.002
                file.write(f"{bit} {at}\n")
            at += 0.2
    assert driver.poll() == "7B3039"
    assert driver.poll() == "7B3040"
    assert driver.poll() is None
    driver.detach()


# --- presentations --------------------------------------------------------------------------------------------------


def test_a_card_that_stays_counts_once_and_again_after_it_was_away() -> None:
    now = 0.0
    seen = Presentation(lambda: now)
    assert seen.see("A") == "A"
    for now in (0.2, 0.4, 0.9):
        assert seen.see("A" if now != 0.4 else None) is None  # shaky
    now = 0.9 + GONE_S + 0.1
    assert seen.see(None) is None
    assert seen.see("A") == "A"
    assert seen.see("B") == "B"
