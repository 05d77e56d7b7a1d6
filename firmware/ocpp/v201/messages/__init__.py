"""OCPP 2.0.1's messages, each described once (part 2, ch. 1), by functional block; data types that several blocks use
are in `types`. A test compares every one with the official schema, keyword by keyword.
"""

from firmware.ocpp.v201.messages.authorization import *  # noqa: F403
from firmware.ocpp.v201.messages.availability import *  # noqa: F403
from firmware.ocpp.v201.messages.certificates import *  # noqa: F403
from firmware.ocpp.v201.messages.diagnostics import *  # noqa: F403
from firmware.ocpp.v201.messages.display import *  # noqa: F403
from firmware.ocpp.v201.messages.firmware import *  # noqa: F403
from firmware.ocpp.v201.messages.provisioning import *  # noqa: F403
from firmware.ocpp.v201.messages.smart_charging import *  # noqa: F403
from firmware.ocpp.v201.messages.transactions import *  # noqa: F403
