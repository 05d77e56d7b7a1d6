"""eMAIDs, the names of contracts: with or without hyphens and check digit, in any case, they are compared here only.

ISO 15118-2 annex H: 2 country, 3 provider, 9 instance, and a check digit that may be missing.
"""

from typing import Final

WITHOUT_CHECK_DIGIT: Final = 14


def compact(emaid: str) -> str:
    """As the back office is asked: no hyphens, no blanks, capitals."""
    return "".join(letter for letter in emaid if letter not in "- ").upper()


def same_emaid(one: str, other: str) -> bool:
    """Do both name the same contract? A check digit that only one of them has is no difference."""
    first, second = compact(one), compact(other)
    if {len(first), len(second)} == {WITHOUT_CHECK_DIGIT, WITHOUT_CHECK_DIGIT + 1}:
        first, second = first[:WITHOUT_CHECK_DIGIT], second[:WITHOUT_CHECK_DIGIT]
    return bool(first) and first == second
