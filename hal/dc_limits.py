"""The limits of a DC output in one place: value, who keeps it, where it comes from; and the voltages they imply.

Pure numbers and rules (IEC 61851-23). What acts on them: `cable_check`, `dc_watch`, `dc_path`, `pilot`; what only
hardware is quick enough for has its line named in the board file (`[connector.hardware]`, `[connector.dc_enable]`).
"""

from typing import Final, Literal, NamedTuple

SAFE_V: Final = 60.0  # before the cable check, after it, and at the end
TEST_A: Final = 2.0  # cable check and pre-charge
PRECHARGE_A: Final = 5.0  # measured in both: no supply keeps 2 A exactly; more is a contact that should be open
UNLOADED_A: Final = 5.0  # a contactor may open
RAMP_S: Final = 0.9  # a ramp-down gets this long, then the output is blocked and the contactor opens: 1 s in all
BLOCK_S: Final = 0.05  # a blocked output has no current after this: the contactor opens, whatever is measured
RAMP_A_S: Final = 100.0  # a normal ramp-down is at least this steep
FOLLOW_S: Final = 1.0  # ... and begins within this after the car asked for less
OVER_VOLTAGE_S: Final = 0.4  # above the car's maximum for longer: error shutdown
VOLTAGE_ACCURACY: Final = 0.01  # of what we measure, at least VOLTAGE_STEP_V
VOLTAGE_STEP_V: Final = 5.0
OVER_CURRENT_SHARE: Final = 0.05
OVER_CURRENT_A: Final = 5.0  # above the set point and that share of it
OVER_CURRENT_S: Final = 1.0
REVERSE_A: Final = 5.0
REVERSE_V: Final = 20.0
MATCH_V: Final = 20.0  # pre-charge, test voltage
FAULT_OHM_PER_V: Final = 100.0
WARNING_OHM_PER_V: Final = 500.0
DISCHARGE_S: Final = 3.0  # an output that is off with its contactor open is below SAFE_V by then


class LimitRule(NamedTuple):
    """One limit: what, who keeps it, which fault the guard raises ("" = none: it is how the guard works)."""

    what: str
    value: str
    kept_by: Literal["hardware", "guard", "both"]
    code: str
    source: str


LIMITS: Final = (
    LimitRule("output before and after the cable check", "< 60 V", "guard", "cable_check", "61851-23 CC.4.1.2"),
    LimitRule("current in cable check and pre-charge", "2 A, 5 A measured", "both", "dc_over_current", "CC.4.1.2"),
    LimitRule("short circuit in cable or plug", "test voltage not reached", "guard", "cable_check", "6.3.1.109"),
    LimitRule("insulation, fault", "< 100 Ohm/V", "guard", "isolation", "61851-23:2014 CC.4.1.2"),
    LimitRule("insulation, warning", "< 500 Ohm/V", "guard", "", "61851-23:2014 CC.4.1.2"),
    LimitRule("insulation monitor's self test", "30 s", "guard", "isolation_monitor", "61851-23:2023"),
    LimitRule("over-voltage, emergency", "550/825/935/1100/1375 V for 9 ms", "both", "dc_over_voltage", "Table 103"),
    LimitRule("over-voltage, error", "> car's maximum for 400 ms", "guard", "dc_over_voltage", "Table 104"),
    LimitRule("over-current", "> 105 % + 5 A for 1 s", "guard", "dc_over_current", "61851-23 6.3.1.113"),
    LimitRule("short circuit while delivering", "module's own limit", "hardware", "", "61851-23 6.3.1.109"),
    LimitRule("wrong polarity", "< -20 V or < -5 A", "guard", "dc_polarity", "61851-23 CC.5.5"),
    LimitRule("current after loss of the pilot or a trip", "< 5 A in 30 ms", "both", "", "61851-23 CC.5.4"),
    LimitRule("contactor after loss of state C", "open in 100 ms", "guard", "", "61851-1 Table A.6, 8.1"),
    LimitRule("voltage after an emergency", "< 60 V in 1 s", "hardware", "", "61851-23 CC.5.4"),
    LimitRule("ramp-down", ">= 100 A/s within 1 s", "guard", "dc_over_current", "61851-23 6.3.1.116"),
    LimitRule("ramp-down without controller, or asked for", "< 5 A or open in 1 s", "guard", "", "lease rule (c)"),
    LimitRule("voltage behind the open contactor", "< 60 V after 3 s", "guard", "dc_weld", "61851-23 CC.4.3"),
    LimitRule("measured V and A", ">= 10 Hz, no older than stale_s", "guard", "supply_stale", "board file"),
)


def cable_check_voltage(ev_max_v: float, output_max_v: float) -> float:
    """Voltage of the cable check, V. `ev_max_v`: the car's maximum voltage, 0 = it did not tell."""
    if ev_max_v <= 0.0:
        return output_max_v
    if ev_max_v <= 500.0:
        return min(500.0, ev_max_v + 50.0, output_max_v)
    return min(output_max_v, 1.1 * ev_max_v)


def emergency_voltage(agreed_max_v: float) -> float:
    """Above this the output is shut down at once, V (Table 103). `agreed_max_v`: the lower of both maxima."""
    for upto, threshold in ((500.0, 550.0), (750.0, 825.0), (850.0, 935.0), (1000.0, 1100.0)):
        if agreed_max_v <= upto:
            return threshold
    return 1375.0


def error_voltage(ev_max_v: float) -> float:
    """Above this for OVER_VOLTAGE_S the charge ends, V (Table 104): the car's maximum as well as we can measure it."""
    return ev_max_v + max(VOLTAGE_STEP_V, ev_max_v * VOLTAGE_ACCURACY)


def insulation(ohm: float | None, rated_v: float) -> Literal["invalid", "valid", "warning", "fault"]:
    """What a resistance means at an output of this rated voltage."""
    if ohm is None:
        return "invalid"
    if ohm < FAULT_OHM_PER_V * rated_v:
        return "fault"
    return "warning" if ohm < WARNING_OHM_PER_V * rated_v else "valid"


def too_low(ohm: float | None, rated_v: float) -> str:
    """Text of an insulation fault, else ''."""
    if ohm is None or insulation(ohm, rated_v) != "fault":
        return ""
    return f"{ohm / 1000:.0f} kOhm, at least {FAULT_OHM_PER_V * rated_v / 1000:.0f} kOhm"
