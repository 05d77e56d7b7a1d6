"""One connector of the plant: joins the parts, reads the actuator half of its registers and writes the sensor half."""

from random import Random
from typing import Final, Literal

from hal.sim.registers import PILOT_MODES, ConnectorRegisters
from hil.plant.contactor import Contactor
from hil.plant.dc_connector import DcConnector
from hil.plant.ev import Car
from hil.plant.grid import Grid
from hil.plant.lock import UNLOCKED, Lock
from hil.plant.pilot_circuit import half_waves_v, measured_mv
from hil.plant.rcd import ResidualCurrentMonitor
from hil.plant.thermal import Contacts

Kind = Literal["ac", "dc", "nacs"]  # nacs: both on the same contacts
_NO_VOLTS: Final = (0.0, 0.0, 0.0)
_PHASES: Final = ("l1", "l2", "l3")


class Connector:
    """The physics of one connector. `step` is all that moves it; faults are plain attributes for rig control."""

    def __init__(self, registers: ConnectorRegisters, kind: Kind = "ac", *, seed: int = 1) -> None:
        self.registers = registers
        self.kind = kind
        self.ac, self.dc = kind != "dc", kind != "ac"
        self.noise = Random(seed)
        self.grid = Grid()
        self.contactor = Contactor()
        self.power = DcConnector()  # of a DC connector; at rest on an AC one
        self.rcd = ResidualCurrentMonitor()
        self.lock = Lock()
        self.contacts = Contacts()
        self.car = Car()
        self.cable_left = False  # in the socket, without a car at its other end
        self.cable_a = 32.0  # rating that the plug's resistor tells; -1 = a value between the windows
        self.energy_wh = self.dc_energy_wh = 0.0  # what each meter counts
        self.phases_stuck: int | None = None  # where the phase contactor stays, whatever it is told
        self.joined = ""  # how AC and DC met on the contacts of one plug, "" = they never did
        self.emergency_stop = self.pe_fault = self.tamper = self.mains_fail = False
        self.meter_fault = self.adc_fault = False
        self._pilot = ("x1", 0.0)
        self._line_v = (0.0, 0.0)
        self._volts = _NO_VOLTS
        self._write()

    def step(self, dt: float, powered: bool) -> None:
        """Let `dt` seconds pass. `powered`: the hardware watchdog lets the coils be energised."""
        registers = self.registers
        mode = PILOT_MODES[int(registers["pilot_mode"]) % len(PILOT_MODES)]
        self._pilot = (mode, registers["pilot_duty_percent"])
        if registers["shunt_trip"] == 1.0:
            self.grid.breaker_tripped = True
        # the residual-current monitor's trip path breaks the coil supply in hardware
        self.contactor.step(dt, registers["coil"] == 1.0 and powered and not self.rcd.tripped)
        self._volts = self.grid.voltages(self.car.current_a)
        inlet = self._volts if self.contactor.closed and self.ac else _NO_VOLTS
        if self.dc or (self.phases_stuck or registers["phases_wanted"]) == 1.0:
            inlet = (inlet[0], 0.0, 0.0)
        self.car.step(dt, *self._pilot, inlet)
        self.rcd.step(dt, self.contactor.closed, registers["rcd_test"] == 1.0, registers["rcd_reset"] == 1.0)
        self.lock.step(dt, registers["lock_command"])
        if self.dc:
            self.power.step(dt, registers, self.car, powered=powered)
        self.contacts.step(dt, max(self.car.current_a))
        self.energy_wh += max(0.0, self.ac_power_w) * dt / 3600.0
        self.dc_energy_wh += max(0.0, self.power.power_w if self.dc else 0.0) * dt / 3600.0
        self._watch_joining()
        self._write()

    def _watch_joining(self) -> None:
        """On the contacts of one plug AC must never meet DC; the first time it did stays told."""
        if not (self.ac and self.dc and self.contactor.closed) or self.joined:
            return
        if self.power.contactor.closed:
            self.joined = "both contactors closed"
        elif self.car.dc_relay:
            self.joined = "AC on the car's battery"
        elif self.power.supply.voltage_v >= 60.0:
            self.joined = f"AC closed with {self.power.supply.voltage_v:.0f} V at the DC output"

    @property
    def plugged(self) -> bool:
        """A plug is in the station's socket."""
        return self.car.plugged or self.cable_left

    @property
    def power_w(self) -> float:
        """At the connector."""
        return self.ac_power_w + (self.power.power_w if self.dc else 0.0)

    @property
    def ac_power_w(self) -> float:
        return sum(volts * amps for volts, amps in zip(self._volts, self.car.current_a, strict=True))

    @property
    def line_v(self) -> tuple[float, float]:
        """Both levels of the pilot line without noise."""
        return half_waves_v(*self._pilot, self.car.load)

    @property
    def mains_failed(self) -> bool:
        return self.mains_fail or self.grid.failed

    @property
    def de_energised(self) -> bool:
        """No contact closed and nothing flows."""
        return not (self.contactor.closed or self.power.contactor.closed) and self.power_w == 0.0

    def _write(self) -> None:
        registers = self.registers
        self._line_v = self.line_v
        high, low = measured_mv(*self._line_v, self.noise)
        registers["cp_high_mv"] = high
        registers["cp_low_mv"] = low
        registers["plug_rating_a"] = self.cable_a if self.plugged else 0.0
        registers["contactor_closed"] = self.contactor.closed
        registers["lock_state"] = self.lock.state
        registers["rcd_tripped"] = self.rcd.tripped
        registers["emergency_stop"] = self.emergency_stop
        registers["pe_fault"] = self.pe_fault
        registers["mains_fail"] = self.mains_failed
        registers["tamper"] = self.tamper
        registers["adc_fault"] = self.adc_fault
        registers["temperature_c"] = self.contacts.temperature_c
        registers["temperature_2_c"] = self.contacts.temperature_c
        registers["phases_seen"] = self.phases_stuck or registers["phases_wanted"] or 3.0
        registers["temperature_fault"] = self.contacts.sensor_fault
        self._write_meter()
        if self.dc:
            self.power.write(registers)
            if self.contactor.closed:  # a DC voltmeter on the mains
                registers["dc_plug_voltage_v"] = self.noise.choice((-1.0, 1.0)) * 1.41 * self._volts[0]

    def _write_meter(self) -> None:
        registers = self.registers
        registers["meter_fault"] = self.meter_fault
        registers["frequency_hz"] = self.grid.frequency_hz
        volts, amps = self._volts, self.car.current_a
        if not self.ac:  # one meter, at the output
            supply = self.power.supply
            volts, amps = (supply.voltage_v, 0.0, 0.0), (supply.current_a, 0.0, 0.0)
        for phase, voltage, current in zip(_PHASES, volts, amps, strict=True):
            registers[f"voltage_{phase}_v"] = voltage
            registers[f"current_{phase}_a"] = current
        registers["power_w"] = self.ac_power_w if self.ac else self.power_w
        registers["energy_wh"] = self.energy_wh if self.ac else self.dc_energy_wh
        registers["dc_power_w"], registers["dc_energy_wh"] = self.power.power_w, self.dc_energy_wh

    def status(self) -> dict[str, object]:
        """What the rig can see of this connector; numbers rounded for people."""
        car = self.car
        mode, duty = self._pilot
        return {
            "car": car.state,
            "policy": car.policy,
            "wants_power": car.wants_power,
            "soc_percent": round(car.battery.soc_percent, 3),
            "battery_v": round(car.battery.voltage_v, 1),
            "dc_relay": car.dc_relay,
            "charged_wh": round(car.battery.charged_wh, 2),
            "current_a": [round(amps, 2) for amps in car.current_a],
            "cable_a": self.cable_a if self.plugged else 0.0,
            "locked": self.lock.state != UNLOCKED,
            "pilot": mode,
            "duty_percent": round(duty, 2) if mode == "duty" else None,
            "line_v": [round(volts, 2) for volts in self._line_v],
            "coil": self.registers["coil"] == 1.0,
            "closed": self.contactor.closed or self.power.contactor.closed,
            "operations": self.contactor.operations + self.power.contactor.operations,
            "voltage_v": [round(volts, 1) for volts in self._volts],
            "dc_voltage_v": round(self.power.supply.voltage_v, 1),
            "plug_v": round(self.power.plug_v, 1),
            "mismatch_v": round(self.power.mismatch_v, 1),
            "dc_current_a": round(self.power.supply.current_a, 2),
            "power_w": round(self.power_w, 1),
            "energy_wh": round(self.energy_wh + self.dc_energy_wh, 3),
            "joined": self.joined,
            "temperature_c": round(self.contacts.temperature_c, 1),
            "tokens": int(self.registers["token_count"]),
            "de_energised": self.de_energised,
            "faults": self.faults(),
        }

    def faults(self) -> list[str]:
        """Every fault that rig control has put in and not taken out again, by name."""
        car, rcd = self.car, self.rcd
        present = {
            "diode_fault": not car.diode,
            "short": car.short,
            "weld": self.contactor.welded or self.power.contactor.welded,
            "stuck_open": self.contactor.stuck_open or self.power.contactor.stuck_open,
            "emergency_stop": self.emergency_stop,
            "pe_fault": self.pe_fault,
            "tamper": self.tamper,
            "mains_fail": self.mains_failed,
            "phase_loss": bool(self.grid.lost),
            "grid": self.grid.nominal_v != 230.0,
            "meter_fault": self.meter_fault,
            "adc_fault": self.adc_fault,
            "leak": rcd.leak_dc_ma > 0.0 or rcd.leak_ac_ma > 0.0,
            "rcd_dead": rcd.dead,
            "temperature": self.contacts.forced_c is not None or self.contacts.sensor_fault,
            "lock_jam": self.lock.jammed,
            "phase_stuck": self.phases_stuck is not None,
            **self.power.faults(),
        }
        return [name for name, is_present in present.items() if is_present]
