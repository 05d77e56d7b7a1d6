"""The plain keys of a board file as typed structs: [board], [sim], [[connector]] with its policy and hardware limits.

Sections of parts are their drivers' (hal/drivers); what a board is made of is hal/parts.py, reading hal/board.py.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Amps = Annotated[float, Meta(ge=0, le=1000)]
Volts = Annotated[float, Meta(ge=0, le=2000)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
Celsius = Annotated[float, Meta(ge=-40, le=200)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


#: what a connector is: ConnectorEnumType of OCPP 2.0.1 (part 2, 3.20), and what 2.1 adds to it
Kind = Literal[
    "cCCS1", "cCCS2", "cG105", "cTesla", "cType1", "cType2", "s309-1P-16A", "s309-1P-32A", "s309-3P-16A", "s309-3P-32A",
    "sBS1361", "sCEE-7-7", "sType2", "sType3", "Other1PhMax16A", "Other1PhOver16A", "Other3Ph", "Pan", "wInductive",
    "wResonant", "Undetermined", "Unknown",
    "cChaoJi", "cGBT", "OppCharge",
]  # fmt: skip


class BoardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[board]: its name, and what makes it safe when the guard dies.

    `mcu_lease`: a safety controller opens when our messages stop. `hardware_watchdog`: a circuit opens when the tick
    stops feeding it. `line_release`: the kernel lets the lines go with the process; that must have been measured on
    this very board, and is refused for DC. `own_protection`: the board's controller is a charging station of its own
    and goes on by itself, watching pilot, residual current and earth; refused for DC too.
    `on_guard_death_source` says who states it and where.
    """

    name: Text
    on_guard_death: Literal["mcu_lease", "hardware_watchdog", "line_release", "own_protection"]
    on_guard_death_source: Text
    tick_priority: Annotated[int, Meta(ge=0, le=98)] = 0  # SCHED_FIFO priority of the tick thread; 0 = ordinary


class SimSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[sim]: the register file of a simulated board."""

    registers: Text


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[connector.policy]: limits that are the board's choice. Defaults are those of an ordinary AC station.

    The meter may read low or the car high: a current is too high above `limit * (1 + tolerance) + margin`, sustained
    for `over_current_s` (IEC 61851-1 leaves the car 5 s to follow a new duty; those are never policed).
    """

    min_close_interval_s: Seconds = 10.0
    feedback_s: Annotated[float, Meta(ge=0.05, le=1.0)] = 0.25
    over_current_tolerance_percent: Percent = 10.0
    over_current_margin_a: Amps = 1.0
    over_current_s: Seconds = 2.0
    meter_sees: Literal["grid", "load"] = "grid"  # load: voltages exist only behind the closed contactor
    on_meter_stale: Literal["stop", "continue"] = "stop"
    under_voltage_percent: Percent = 85.0
    over_voltage_percent: Annotated[float, Meta(ge=100, le=150)] = 112.0
    lost_phase_percent: Percent = 40.0
    mains_s: Seconds = 1.0
    isolation_samples: Annotated[int, Meta(ge=1, le=5)] = 1  # values of the insulation monitor in a cable check
    isolation_self_test: Literal["closed", "open"] = "closed"  # contactor during the monitor's self test
    temperature_warn_c: Celsius = 70.0  # from here the limit falls linearly to the connector's minimum
    temperature_stop_c: Celsius = 85.0
    temperature_hysteresis_k: Annotated[float, Meta(ge=3, le=50)] = 5.0  # hal reference 6: at least 3 K
    phase_pause_s: Annotated[float, Meta(ge=5, le=600)] = 10.0  # no power between two numbers of phases
    phase_min_interval_s: Seconds = 300.0  # between two changes
    contactor_life: Annotated[int, Meta(ge=0)] = 0  # closings its maker promises; 0 = not said

    def __post_init__(self) -> None:
        if self.temperature_warn_c >= self.temperature_stop_c:
            raise ValueError("temperature_warn_c must lie below temperature_stop_c")


class Derating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[connector.derating]]: what a sensor's temperature leaves of the current. `points`: [°C, A], rising and falling;
    straight lines between them, no limit below the first. From `stop_c` on nothing flows."""

    sensor: Literal[
        "thermometer", "thermometer_dc_plus", "thermometer_dc_minus", "thermometer_cable", "thermometer_housing"
    ]
    points: Annotated[tuple[tuple[Celsius, Amps], ...], Meta(min_length=1, max_length=16)]
    stop_c: Celsius | None = None
    hysteresis_k: Annotated[float, Meta(ge=3, le=50)] = 5.0

    def __post_init__(self) -> None:
        for (before_c, before_a), (at_c, at_a) in zip(self.points, self.points[1:], strict=False):
            if at_c <= before_c or at_a > before_a:
                raise ValueError("points must rise in °C and fall in A")
        if self.stop_c is not None and self.stop_c <= self.points[-1][0]:
            raise ValueError("stop_c must lie above the last point")


class HardwareLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[connector.hardware]: the lines that keep limits too fast for Linux; DC must name both (IEC 61851-23)."""

    over_voltage_9ms: Text | None = None
    emergency_ramp_30ms: Text | None = None


class AcOutlet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[connector.ac]: what a DC connector gives as AC on the same contacts of its plug (NACS), with a contactor of its
    own, [connector.ac_contactor]. One phase: the two contacts carry no more."""

    max_current_a: Annotated[float, Meta(gt=0, le=80)]
    nominal_voltage_v: Annotated[float, Meta(ge=100, le=277)] = 240.0
    changeover_s: Annotated[float, Meta(ge=0.1, le=60)] = 1.0  # both contactors shown open before the other may close


class ConnectorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[connector]]: one connector; `kind` is OCPP's ConnectorEnumType (sType2, cType2, cCCS2, ...)."""

    id: Annotated[int, Meta(ge=1, le=64)]
    kind: Kind
    max_current_a: Annotated[float, Meta(gt=0, le=1000)]
    min_current_a: Annotated[float, Meta(ge=6, le=80)] = 6.0
    phases: Literal[1, 3] = 3
    nominal_voltage_v: Annotated[float, Meta(ge=100, le=480)] = 230.0
    cable_rating_a: Amps | None = None  # fixed cable; a socket has [connector.proximity] instead
    ventilation: bool = False
    digital: bool = True
    dc: bool = False
    dc_max_voltage_v: Volts = 0.0
    dc_max_current_a: Amps = 0.0
    dc_max_power_w: Annotated[float, Meta(ge=0, le=5e6)] = 0.0
    policy: Policy = Policy()
    hardware: HardwareLimits = HardwareLimits()
    derating: tuple[Derating, ...] = ()
    ac: AcOutlet | None = None  # beside DC, on the same contacts

    @property
    def as_ac(self) -> "ConnectorSettings | None":
        """What it is while it gives AC: None where it never does both."""
        if self.ac is None:
            return None
        return msgspec.structs.replace(
            self,
            dc=False,
            phases=1,
            max_current_a=self.ac.max_current_a,
            nominal_voltage_v=self.ac.nominal_voltage_v,
        )
