"""2.1 block O: a message that is shown may be in several languages, and is told in all of them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office
from firmware.ocpp.payload import Payload, told
from firmware.ocpp.v21 import messages, types
from firmware.ocpp.v201 import display
from firmware.station.displayed import DisplayMessage, Text


async def get_messages(request: messages.GetDisplayMessagesRequest, office: Office) -> Answer:
    """O03, O04."""
    return display.told_messages(request, office, _page)


def _page(request_id: int, found: Sequence[DisplayMessage], more: bool) -> Payload:
    return messages.NotifyDisplayMessagesRequest(
        request_id=request_id, message_info=tuple(map(_written, found)), tbc=told(more or None)
    )


def _written(message: DisplayMessage) -> types.MessageInfo:
    first, *extra = map(_content, message.texts)
    plain = msgspec.to_builtins(display.written(message))
    return msgspec.structs.replace(
        msgspec.convert(plain, types.MessageInfo), message=first, message_extra=tuple(extra) or UNSET
    )


def _content(text: Text) -> types.MessageContent:
    return types.MessageContent(
        format=cast(types.MessageFormatEnum, text.format), content=text.content, language=told(text.language or None)
    )


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.GetDisplayMessagesRequest: get_messages,
}
