"""What every rig-control command is, before it is one: which connector, and how it refuses."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hil.plant.connector import Connector
from hil.plant.plant import Plant


class RigError(ValueError):
    """The request cannot be done; the text says what is wrong with it and, where that is known, what would be right."""


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", forbid_unknown_fields=True):
    """Base: which connector, counted from 1."""

    connector: Annotated[int, Meta(ge=1, le=64)] = 1

    def apply(self, plant: Plant) -> dict[str, object]:
        """Do it. Returns what the answer shall carry besides `ok`; raises RigError."""
        if self.connector not in plant.connectors:
            raise RigError(f"connector {self.connector}: this plant has connectors 1 to {len(plant.connectors)}")
        self.touch(plant.connectors[self.connector])
        return {}

    def touch(self, connector: Connector) -> None:
        """What it does to one connector."""
        raise NotImplementedError
