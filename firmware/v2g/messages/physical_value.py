"""Decimal numbers as V2G messages carry them: a short integer and a power of ten.

Shared by PhysicalValue (DIN 70121, ISO 15118-2) and RationalNumber (ISO 15118-20).
"""

from typing import Final

SHORT_MAX: Final = 32767


def scaled(value: float, finest: int, coarsest: int) -> tuple[int, int]:
    """`value` as (exponent, short integer): exact when the range allows, else rounded to what fits.

    The exponent stays as near to 0 as exactness allows, since some cars mind odd ones. ValueError when
    `value` is too large even for `coarsest`, or not a number.
    """
    exponent = 0
    while abs(unscaled(-exponent, value)) > SHORT_MAX + 0.5 and exponent < coarsest:
        exponent += 1
    mantissa = unscaled(-exponent, value)
    while exponent > finest and abs(mantissa - round(mantissa)) > 1e-9 * max(1.0, abs(mantissa)):
        finer = unscaled(1 - exponent, value)
        if abs(finer) > SHORT_MAX:
            break
        exponent, mantissa = exponent - 1, finer
    number = round(mantissa)
    if abs(number) > SHORT_MAX:
        raise ValueError(f"{value} does not fit into a short integer times 10^{coarsest}")
    return exponent, number


def unscaled(exponent: int, number: float) -> float:
    """number * 10^exponent, without the rounding error of a negative power."""
    return float(number * 10**exponent) if exponent >= 0 else float(number / 10**-exponent)
