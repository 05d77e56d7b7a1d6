"""2.0.1: why not, in a machine's word and in a person's (StatusInfoType; codes of part 2 appendix 5)."""

from msgspec import UNSET, UnsetType

from firmware.ocpp.v201 import types


def because(text: str, code: str = "Other") -> types.StatusInfo | UnsetType:
    """The station's reason, for the people at the back office; nothing where there is none."""
    return types.StatusInfo(reason_code=code[:20], additional_info=text[:512]) if text else UNSET
