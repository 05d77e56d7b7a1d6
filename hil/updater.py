"""A simulated A/B updater, as [update] installer of a station in the rig: `python -m hil.updater FOLDER WORD [IMAGE]`.

FOLDER holds slot-a, slot-b and `active`. An image is any file; one that begins with "BROKEN" does not fit, one that
begins with "STUCK" installs but the machine goes back to the old slot, one that begins with "NOW" needs no restart.
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Final

NEEDS_RESTART: Final = 10


def verify(folder: Path, image: Path) -> int:
    with image.open("rb") as file:
        if file.read(6) == b"BROKEN":
            print("the image does not fit this machine")
            return 1
    return 0


def install(folder: Path, image: Path) -> int:
    other = "b" if active(folder) == "a" else "a"
    with image.open("rb") as file:
        head = file.read(5)
    shutil.copyfile(image, folder / f"slot-{other}")
    if head != b"STUCK":
        (folder / "active").write_text(other, encoding="ascii")
    (folder / "wanted").write_text(other, encoding="ascii")
    return 0 if head[:3] == b"NOW" else NEEDS_RESTART


def confirm(folder: Path) -> int:
    wanted = (folder / "wanted").read_text(encoding="ascii") if (folder / "wanted").exists() else ""
    if active(folder) == wanted:
        return 0
    print(f"slot {active(folder)} runs, slot {wanted or '?'} should")
    return 1


def active(folder: Path) -> str:
    place = folder / "active"
    return place.read_text(encoding="ascii") if place.exists() else "a"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="hil.updater", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("word", choices=["verify", "install", "confirm"])
    parser.add_argument("image", type=Path, nargs="?")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.word == "confirm":
        return confirm(asked.folder)
    return (verify if asked.word == "verify" else install)(asked.folder, asked.image)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
