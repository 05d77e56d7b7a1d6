"""The local authorization list: what an update does, and what survives a restart (D01, D02)."""

from firmware.station.facts import IdToken
from firmware.station.journal import Change, Contents
from firmware.station.local_list import KIND, MAX_ENTRIES, Entry, Listed, LocalList

A, B, C = IdToken("AA"), IdToken("BB"), IdToken("CC")
YES = Listed()


class Shelf:
    """A list with the disk under it."""

    def __init__(self) -> None:
        self.contents: Contents = {}
        self.commits = 0
        self.enabled = True
        self.taken: list[IdToken] = []
        self.list = self.open()

    def open(self) -> LocalList:
        made = LocalList(self.keep, lambda: self.enabled, self.taken.extend)
        made.load(dict(self.contents))
        return made

    def keep(self, changes: object) -> None:
        self.commits += 1
        for change in changes:  # type: ignore[attr-defined]
            assert isinstance(change, Change)
            if change.body is None:
                self.contents.pop((change.kind, change.key), None)
            else:
                self.contents[change.kind, change.key] = change.body


def test_a_full_update_replaces_and_survives_in_one_commit() -> None:  # D01.FR.15, 10
    shelf = Shelf()
    assert shelf.list.version == 0  # D02.FR.02
    assert shelf.list.update(3, "Full", [Entry(A, YES), Entry(B, Listed("Blocked"))]).status == "Accepted"
    assert shelf.list.update(2, "Full", [Entry(C, Listed(group=IdToken("G")))]).status == "Accepted"
    assert shelf.commits == 2
    again = shelf.open()
    assert (again.version, len(again)) == (2, 1)
    assert again.get(IdToken("cc")) == Listed(group=IdToken("G"))
    assert again.get(A) is None


def test_a_differential_update_adds_changes_and_takes_out() -> None:  # D01.FR.16, 17
    shelf = Shelf()
    shelf.list.update(1, "Full", [Entry(A, YES), Entry(B, YES)])
    changes = [Entry(A, None), Entry(B, Listed("Expired")), Entry(C, YES)]
    assert shelf.list.update(2, "Differential", changes).status == "Accepted"
    again = shelf.open()
    assert [again.get(each) for each in (A, B, C)] == [None, Listed("Expired"), YES]
    assert shelf.taken == [A, B, B, C]


def test_empty_updates_still_move_the_version() -> None:  # D01.FR.04, 05
    shelf = Shelf()
    shelf.list.update(1, "Full", [Entry(A, YES)])
    assert shelf.list.update(2, "Differential", []).status == "Accepted"
    assert (shelf.list.version, len(shelf.list)) == (2, 1)
    assert shelf.list.update(5, "Full", []).status == "Accepted"
    assert (shelf.list.version, len(shelf.list)) == (5, 0)


def test_what_is_refused_changes_nothing() -> None:
    shelf = Shelf()
    shelf.list.update(4, "Full", [Entry(A, YES)])
    before = dict(shelf.contents)
    for version in (4, 3):
        assert shelf.list.update(version, "Differential", [Entry(B, YES)]).status == "VersionMismatch"  # D01.FR.19
    assert shelf.list.update(0, "Full", [Entry(B, YES)]).status == "Failed"  # D01.FR.18
    assert shelf.list.update(5, "Full", [Entry(B, YES), Entry(IdToken("bb"), YES)]).status == "Failed"  # D01.FR.06
    assert shelf.list.update(5, "Full", [Entry(B, None)]).status == "Failed"
    many = [Entry(IdToken(f"{number:08X}"), YES) for number in range(MAX_ENTRIES + 1)]
    assert shelf.list.update(5, "Full", many).status == "Failed"
    assert shelf.list.update(5, "Differential", many[:MAX_ENTRIES]).status == "Failed"
    assert shelf.contents == before


def test_a_list_that_is_switched_off_knows_nobody_and_takes_nothing() -> None:  # D02.FR.03
    shelf = Shelf()
    shelf.list.update(4, "Full", [Entry(A, YES)])
    shelf.enabled = False
    assert (shelf.list.version, shelf.list.get(A)) == (0, None)
    assert shelf.list.update(5, "Full", []).status == "Failed"


def test_a_damaged_list_is_none_and_is_sent_anew() -> None:
    shelf = Shelf()
    shelf.list.update(4, "Full", [Entry(A, YES), Entry(B, YES)])
    shelf.contents[KIND, "ISO14443:BB"] = "{"
    again = shelf.open()
    assert (again.version, len(again), again.get(A)) == (0, 0, None)
    assert not shelf.contents


def test_a_reader_cannot_know_which_kind_of_card_the_back_office_meant() -> None:
    shelf = Shelf()
    shelf.list.update(1, "Full", [Entry(IdToken("AA", "ISO15693"), YES), Entry(IdToken("BB", "eMAID"), YES)])
    assert shelf.list.get(A) == YES
    assert shelf.list.get(B) is None
