"""PyPI `pyslac` as oracle: a car made of its messages is matched, and it reads every answer of ours.

It is installed without its dependencies into a folder of this run (it would not go with the tests' own packages) and
lives in a process of its own; nothing but its message classes is used. It packs MVFLength, alone of all fields, with
the high octet first; real cars, scapy and HomePlug do not, so that one field is turned round here.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from firmware.v2g.slac import simulated
from firmware.v2g.slac.key import nid_of
from firmware.v2g.slac.slac import Options, Slac, State
from hil.plc import mme

pytestmark = pytest.mark.interop

VERSION = "0.8.3"
CAR, HOST, MODEM = bytes.fromhex("02c0ffee0001"), bytes.fromhex("020000000001"), bytes.fromhex("02504c0000aa")
RUN = b"RUN 0001"

COUNTERPART = """
import json, sys
from pyslac.layer_2_headers import EthernetHeader, HomePlugHeader
from pyslac import messages as m

car, host, run = (bytes.fromhex(each) for each in sys.argv[1:4])
everybody = b"\\xff" * 6

def frame(destination, kind, message, source=car):
    head = EthernetHeader(destination, source).pack_big() + HomePlugHeader(kind).pack_big()
    return (head + message.pack_big()).ljust(60, b"\\0").hex()

def plain(value):
    return value.hex() if isinstance(value, bytes) else value

if len(sys.argv) == 4:
    print(json.dumps({
        "parm": frame(everybody, 0x6064, m.SlacParmReq(run_id=run)),
        "start": frame(everybody, 0x606A, m.StartAtennChar(10, 6, car, run)),
        "sounds": [frame(everybody, 0x6076, m.MnbcSound(cnt=9 - n, run_id=run)) for n in range(10)],
        "profile": frame(host, 0x6086, m.AttenProfile(pev_mac=car, aag=[12] * 58), source=everybody[:5] + b"\\xaa"),
        "rsp": frame(host, 0x606F, m.AtennCharRsp(car, run, 0, 0, 0)),
        "match": frame(host, 0x607C, m.MatchReq(car, host, run, mvf_length=0x3E00)),
    }))
else:
    kinds = {"parm": m.SlacParmCnf, "report": m.AtennChar, "match": m.MatchCnf}
    heard = {name: kinds[name].from_bytes(bytes.fromhex(data)) for name, data in json.loads(sys.argv[4]).items()}
    print(json.dumps({
        name: {
            "fields": {key: plain(value) for key, value in vars(message).items()},
            "again": message.pack_big().hex(),
        } for name, message in heard.items()
    }))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pyslac")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), f"pyslac=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    if done.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI installs pyslac: {done.stderr}")
        pytest.skip("pyslac cannot be installed here")
    return folder


def counterpart(library: Path, *arguments: str) -> Any:
    command = [sys.executable, "-c", COUNTERPART, CAR.hex(), HOST.hex(), RUN.hex(), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(library)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, env=environment)
    return json.loads(done.stdout)


def test_a_car_of_pyslacs_messages_is_matched_and_pyslac_reads_our_answers(library: Path) -> None:
    car = counterpart(library)
    now = 100.0
    slac = Slac(simulated.Driver(), HOST, Options(), now)
    slac.receive(mme.build(HOST, MODEM, 0xA001, bytes.fromhex("02504c01") + b"rig\0", mmv=0), now)
    slac.receive(mme.set_key_cnf(HOST, MODEM), now)
    slac.listen(True, now)
    slac.take()

    def say(*frames: str) -> bytes:
        for frame in frames:
            slac.receive(bytes.fromhex(frame), now)
        said = slac.take()
        return said[0] if said else b""

    answers = {"parm": say(car["parm"])}
    say(*[car["start"]] * 3)
    for sound in car["sounds"]:
        last = say(sound, car["profile"])
    answers["report"] = last
    say(car["rsp"])
    answers["match"] = say(car["match"])
    assert slac.state is State.JOINING

    heard = counterpart(library, json.dumps({name: data.hex() for name, data in answers.items()}))
    for name, data in answers.items():
        again = bytes.fromhex(heard[name]["again"])
        if name == "match":
            assert (data[21:23], again[2:4]) == (b"\x56\0", b"\0\x56")
            again = again[:2] + data[21:23] + again[4:]
        assert data[19 : 19 + len(again)] == again, name  # what pyslac would have sent
    assert heard["parm"]["fields"]["run_id"] == RUN.hex()
    assert heard["report"]["fields"]["aag"] == [12] * 58
    assert heard["report"]["fields"]["num_sounds"] == 10
    fields = heard["match"]["fields"]
    assert nid_of(bytes.fromhex(fields["nmk"])).hex() == fields["nid"]
    assert fields["pev_mac"] == CAR.hex()
