"""What every fact of the station has: when it happened. The facts themselves are in `facts`, `car_facts` and
`charging_facts`.
"""

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", omit_defaults=True):
    """Base of every fact: when it happened. Written without what it does not say: the journal is half as big."""

    at: float
    mono: float = 0.0
    clock_synced: bool = True  # False: `at` came from an unset clock
