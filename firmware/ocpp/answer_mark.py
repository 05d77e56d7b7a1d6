"""How far the back office has answered, in a page of memory that the kernel keeps when the process is killed.

While a backlog is delivered, a commit for each answer costs more than all the rest of it, and a flush of the disk. A
kill cannot undo what is noted here; a power cut can, and the journal's cursor counts then.
"""

import logging
import mmap
import os
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_ID: Final = 16  # bytes: which journal it belongs to
_SIZE: Final = _ID + 4
_NUMBER: Final = _ID // 4  # place of the number, in 32-bit words: one store, which nothing can tear


class AnswerMark:
    """The number of the last fact that was answered, beside the journal it belongs to."""

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_suffix(".answered")
        self._page: mmap.mmap | None = None
        self._words: memoryview | None = None

    def open(self, journal_id: bytes, newest: int) -> int:
        """What was noted, 0 when it was for another journal, or is ahead of this one. Touches the disk."""
        try:
            page, words = self._opened()
        except OSError as error:
            log.warning("%s: %s; each answer costs a commit", self._path, error)
            return 0
        if page[:_ID] != journal_id or words[_NUMBER] > newest:
            words[_NUMBER] = 0
            page[:_ID] = journal_id
        return words[_NUMBER]

    def note(self, number: int) -> bool:
        """False: there is no such page."""
        if self._words is None:
            return False
        self._words[_NUMBER] = number
        return True

    def _opened(self) -> tuple[mmap.mmap, memoryview]:
        if self._page is None or self._words is None:
            self._path.touch(0o600)
            with self._path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, _SIZE)  # a hole would cost the process its life on a full disk
                self._page = mmap.mmap(file.fileno(), _SIZE)
            self._words = memoryview(self._page).cast("I")
        return self._page, self._words
