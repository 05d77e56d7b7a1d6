"""OCPP 1.6's messages, each described once.

A test compares every one with the official schema, keyword by keyword, and lists where we differ on purpose.
"""

from firmware.ocpp.v16.messages.core import *  # noqa: F403
from firmware.ocpp.v16.messages.profiles import *  # noqa: F403
from firmware.ocpp.v16.messages.security import *  # noqa: F403
