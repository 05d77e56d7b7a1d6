"""Duty cycle and current of the control pilot, both ways (IEC 61851-1 Tables A.7 and A.8). Pure; for guard and station.

One rule for both, so that a duty the station asks for is never one that the guard reads differently. The rig's car has
its own, on purpose: two mistakes would have to be the same.
"""


def duty_for(current_a: float) -> float | None:
    """Duty cycle in percent that offers a current (Table A.7); None below 6 A, which no duty can say: show X1."""
    if current_a < 5.9:
        return None
    if current_a <= 6.1:
        return 10.0
    if current_a < 52.5:
        return min(current_a, 51.0) / 0.6  # between 51 and 52.5 A there is no duty
    return min(current_a, 80.0) / 2.5 + 64.0


def current_for(duty_percent: float) -> float:
    """Current in A that a car may draw at a duty cycle (Table A.8); 0 outside and for 5 % (digital communication)."""
    if duty_percent < 8.0 or duty_percent > 97.0:
        return 0.0
    if duty_percent < 10.0:
        return 6.0
    if duty_percent <= 85.0:
        return duty_percent * 0.6
    return min((duty_percent - 64.0) * 2.5, 80.0)
