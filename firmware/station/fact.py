"""What every fact of the station has: when it happened. The facts themselves are in `facts`, `car_facts` and
`charging_facts`.
"""

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    """Base of every fact: when it happened."""

    at: float
    mono: float = 0.0
    clock_synced: bool = True  # False: `at` came from an unset clock
