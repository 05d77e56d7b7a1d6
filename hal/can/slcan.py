"""A serial CAN adapter (SLCAN, the text protocol of Lawicel's CAN232), read in blocks.

python-can's own asks the kernel once for every byte and looks for more while there is none: five modules that idle cost
1 % of a core that way. The rest of it is kept.
"""

import os
import select
import time
from typing import Final

from can import CanOperationError
from can.interfaces.slcan import slcanBus

_BLOCK: Final = 4096
_LONGEST_LINE: Final = 64  # T, 8 digits, length, 16 digits, a time stamp: 30


class SerialAdapter(slcanBus):
    """As python-can's, which must have been opened with a `timeout` of 0."""

    def _read(self, timeout: float | None) -> str | None:
        """One line with its end; None = none within `timeout` s. Raises CanOperationError: the adapter is gone."""
        until = time.monotonic() + (timeout or 0.0)
        while (line := self._line()) is None:
            left = max(0.0, until - time.monotonic())
            try:
                number = self.serialPortOrig.fileno()
                if not select.select([number], [], [], left)[0]:
                    return None
                received = os.read(number, _BLOCK)
            except (OSError, ValueError, TypeError) as error:  # pyserial: TypeError when closed below us
                raise CanOperationError(f"cannot read: {error}") from error
            if not received:
                raise CanOperationError("the adapter is gone")
            self._buffer.extend(received)
        return line

    def _line(self) -> str | None:
        """The first line of what was read. What is too long for one is none: memory must not grow."""
        ends = [at for end in (self._OK, self._ERROR) if (at := self._buffer.find(end)) >= 0]
        if not ends:
            if len(self._buffer) > _LONGEST_LINE:
                self._buffer.clear()
            return None
        line = bytes(self._buffer[: min(ends) + 1])
        del self._buffer[: min(ends) + 1]
        return line.decode("ascii", "replace")
