"""Rig control beyond the plant: what one may ask of a workbench (`pilotline rig serve`), each request once as a class.

Like `plant/commands.py`, JSON and command line are both made from these. What they do is `workbench`'s.
"""

import difflib
import json
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from hil.plant.command import RigError

Values = dict[str, object]
Connector = Annotated[int, Meta(ge=1, le=64)]


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", forbid_unknown_fields=True):
    """Base of every request."""


class Start(Ask, frozen=True, kw_only=True, tag="start"):
    """Start the station. What is left out stays as in the start before. `state`: folder it keeps everything in; `keys`,
    `variables`: values it has before it connects, by 1.6 key or as component -> variable -> value."""

    state: str | None = None
    fresh: bool = False  # with an emptied state folder
    url: str | None = None
    identity: str | None = None
    versions: str | None = None  # best first, such as 2.0.1,1.6
    password: str | None = None
    ca_file: str | None = None
    security_profile: Annotated[int, Meta(ge=0, le=3)] | None = None  # what is left out follows from url and password
    client_certificate: str | None = None  # files (PEM), for security profile 3
    client_key: str | None = None
    authorization: Literal["csms", "free", "local"] | None = None
    local_list: str | None = None  # tokens, separated by commas
    digital: bool | None = None  # ISO 15118 at every connector; a basic car gets its nominal pilot after 5 s
    firmware_roots: str | None = None  # file (PEM) with who may sign software
    signed_firmware_only: bool | None = None
    keys: Values | None = None
    variables: Values | None = None


class Stop(Ask, frozen=True, kw_only=True, tag="stop"):
    """Stop the controller in an orderly way; `kill`: as a power cut would. Nothing to do where it does not run."""

    kill: bool = False


class Restart(Ask, frozen=True, kw_only=True, tag="restart"):
    """Stop the controller, where it runs, and start it with the same state folder and settings."""

    kill: bool = False


class Plug(Ask, frozen=True, kw_only=True, tag="plug"):
    """Put the plug in. `car`: a basic one (IEC 61851-1), or one that talks. `cable`: its rating in A."""

    connector: Connector = 1
    cable: Literal[-1, 13, 20, 32, 63] = 32
    car: Literal["basic", "iso2-ac", "iso2-dc", "din"] = "basic"
    soc: Annotated[float, Meta(ge=0, le=100)] | None = None
    energy_wh: Annotated[float, Meta(gt=0)] | None = None  # ends by itself after so much


class Unplug(Ask, frozen=True, kw_only=True, tag="unplug"):
    """Pull the plug; a car that talks ends its session first. `force`: at once, under load, breaking the lock. `end`:
    at the car the lock of the station's socket holds nothing; the cable's other end stays until it is unlocked."""

    connector: Connector = 1
    force: bool = False
    end: Literal["station", "car"] = "station"


class Pause(Ask, frozen=True, kw_only=True, tag="pause"):
    """Let the car pause: a basic one opens S2, one that talks ends its session with Pause."""

    connector: Connector = 1


class Resume(Ask, frozen=True, kw_only=True, tag="resume"):
    """Let the car go on after a pause."""

    connector: Connector = 1


class CutLink(Ask, frozen=True, kw_only=True, tag="cut_link"):
    """Cut the link to the back office; `silent`: connections stay, but nothing comes through."""

    silent: bool = False


class RestoreLink(Ask, frozen=True, kw_only=True, tag="restore_link"):
    """Make the link to the back office whole again."""


class Raise(Ask, frozen=True, kw_only=True, tag="raise"):
    """Put an error in, by the guard's name for it or by 1.6's (`errors` lists them)."""

    error: str
    connector: Connector = 1


class Clear(Ask, frozen=True, kw_only=True, tag="clear"):
    """Take an error out again; `latched`: also have the station forget it."""

    error: str
    connector: Connector = 1
    latched: bool = False


class Errors(Ask, frozen=True, kw_only=True, tag="errors"):
    """List the errors that can be put in."""


class Status(Ask, frozen=True, kw_only=True, tag="status"):
    """Show plant, station, link and cars."""


class Shutdown(Ask, frozen=True, kw_only=True, tag="shutdown"):
    """End everything."""


AnyAsk = (
    Start
    | Stop
    | Restart
    | Plug
    | Unplug
    | Pause
    | Resume
    | CutLink
    | RestoreLink
    | Raise
    | Clear
    | Errors
    | Status
    | Shutdown
)
ASKS: Final[dict[str, type[Ask]]] = {str(ask.__struct_config__.tag): ask for ask in AnyAsk.__args__}


def read(line: bytes, others: tuple[str, ...]) -> Ask | dict[str, object]:
    """A request to the workbench, or one for the plant as it came. Raises RigError."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RigError(f"not JSON: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("do"), str):
        raise RigError('a request is an object with "do", for example {"do": "plug", "connector": 1}')
    if request["do"] in ASKS:
        try:
            asked: Ask = msgspec.convert(request, AnyAsk)
        except msgspec.ValidationError as error:
            raise RigError(f"{request['do']}: {error}") from error
        return asked
    if request["do"] in others:
        return request
    near = difflib.get_close_matches(request["do"], [*ASKS, *others], n=1)
    raise RigError(f"unknown command {request['do'][:40]!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
