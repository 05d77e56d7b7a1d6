"""What the parts on a board with its own controller share: the key `controller`, and the outlet they belong to.

Drivers: hal/drivers/controller_*.py.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.controllers.controller import SharedController
from hal.controllers.outlet import Outlet, Said, Wish

T = TypeVar("T")


@dataclass
class ControllerPart:
    """`controller` names a [controller.<name>] of the board file, `outlet` the one of its outlets."""

    controller: str
    outlet: Annotated[int, Meta(ge=1, le=4)] = 1
    _shared: SharedController | None = field(default=None, init=False, repr=False)
    _place: Place = field(default=Place(0, ""), init=False, repr=False)

    def attach(self, place: Place) -> None:
        shared = place.controllers.get(self.controller)
        if not isinstance(shared, SharedController):
            raise DeviceError(f"{place}: no controller {self.controller!r}")
        shared.outlet(self.outlet)
        self._place, self._shared = place, shared
        self.make_safe()

    def detach(self) -> None:
        if self._shared is not None:
            self.make_safe()
            self._shared = None

    def make_safe(self) -> None:
        """Actuators override it; a sensor has nothing to make safe."""

    @property
    def shared(self) -> SharedController:
        """Raises DeviceError before `attach` and after `detach`."""
        if self._shared is None:
            raise DeviceError(f"{self._place}: not attached")
        return self._shared

    @property
    def seen(self) -> Outlet:
        return self.shared.outlet(self.outlet)

    @property
    def wish(self) -> Wish:
        return self.shared.wish(self.outlet)

    def want(self, **new: Any) -> None:
        """Change something of what the outlet is told."""
        self.shared.want(self.outlet, self.wish._replace(**new))

    def fresh(self, said: Said[T] | None) -> T:
        try:
            return self.shared.fresh(said, self._place.part.replace("_", " "))
        except DeviceError as error:
            raise DeviceError(f"{self._place}: {error}") from error
