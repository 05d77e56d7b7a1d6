"""2.0.1, block O: messages that the back office has the station show. What is shown when is `station.displayed`'s.

2.1's messages are 2.0.1's with more fields: several languages in one message, more states and formats.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, cast

from msgspec import UNSET

from firmware.ocpp.components import people
from firmware.ocpp.dialect import Answer, Office, Outgoing
from firmware.ocpp.payload import Payload, given, moment, stamp, told
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.v201.messages import display
from firmware.ocpp.v201.status_info import because
from firmware.station.displayed import MAX_MESSAGES, DisplayMessage, State, Text

PAGE: Final = 5  # messages in one NotifyDisplayMessages: each may have 512 characters
Page = Callable[[int, Sequence[DisplayMessage], bool], Payload]  # request id, messages, are there more to come?
STATES: Final = ("Charging", "Faulted", "Idle", "Unavailable", "Suspended")


async def set_message(request: messages.SetDisplayMessageRequest, office: Office) -> Answer:
    """O01, O02, O06."""
    asked = request.message
    refusal = _refused(asked, office)
    if refusal is not None:
        status, why = refusal
        return Answer(messages.SetDisplayMessageResponse(status=status, status_info=because(why)))
    if not office.cost.displayed.install(_read(asked)):
        why = f"there are {MAX_MESSAGES} messages already"
        return Answer(messages.SetDisplayMessageResponse(status="Rejected", status_info=because(why)))
    return Answer(messages.SetDisplayMessageResponse(status="Accepted"))


def _refused(asked: display.MessageInfo, office: Office) -> tuple[display.DisplayMessageStatusEnum, str] | None:
    """The status that refuses it, and why."""
    if office.model.text("DisplayMessageCtrlr.Enabled") != "true":
        return "Rejected", "messages are switched off"
    if any(content.format not in people.FORMATS for content in _contents(asked)):
        return "NotSupportedMessageFormat", f"shown are {', '.join(people.FORMATS)}"  # O01.FR.03
    if asked.state is not UNSET and asked.state not in STATES:
        return "NotSupportedState", f"known are {', '.join(STATES)}"  # O01.FR.02
    transaction_id = given(asked.transaction_id)
    if transaction_id is not None and office.station.by_transaction(transaction_id) is None:
        return "UnknownTransaction", ""  # O02.FR.01
    evse = _evse(asked)
    if evse is not None and evse not in office.station.evses:
        return "Rejected", f"no EVSE {evse}"
    return None


async def get_messages(request: messages.GetDisplayMessagesRequest, office: Office) -> Answer:
    """O03, O04."""
    return told_messages(request, office, _page)


def told_messages(request: Any, office: Office, page: Page) -> Answer:
    """The messages that are asked for, in pages as a version writes them."""
    state = cast(State | None, given(request.state))
    found = office.cost.displayed.messages(given(request.id) or (), given(request.priority), state)
    if not found:
        return Answer(messages.GetDisplayMessagesResponse(status="Unknown"))
    return Answer(messages.GetDisplayMessagesResponse(status="Accepted"), _pages(request.request_id, found, page))


def _pages(request_id: int, found: Sequence[DisplayMessage], page: Page) -> Iterator[Outgoing]:
    for first in range(0, len(found), PAGE):
        payload = page(request_id, found[first : first + PAGE], first + PAGE < len(found))
        yield Outgoing("NotifyDisplayMessages", payload, messages.NotifyDisplayMessagesResponse)


def _page(request_id: int, found: Sequence[DisplayMessage], more: bool) -> Payload:
    return messages.NotifyDisplayMessagesRequest(
        request_id=request_id, message_info=tuple(map(written, found)), tbc=told(more or None)
    )


async def clear_message(request: messages.ClearDisplayMessageRequest, office: Office) -> Answer:
    """O05."""
    found = office.cost.displayed.clear(request.id)
    return Answer(messages.ClearDisplayMessageResponse(status="Accepted" if found else "Unknown"))


def _contents(asked: Any) -> tuple[types.MessageContent, ...]:
    """2.1 has the same text in further languages beside it."""
    extra = getattr(asked, "message_extra", UNSET)
    return (asked.message, *(extra if extra is not UNSET else ()))


def _evse(asked: display.MessageInfo) -> int | None:
    """The display of which EVSE; None: the station's."""
    if asked.display is UNSET or asked.display.evse is UNSET:
        return None
    return asked.display.evse.id


def _read(asked: display.MessageInfo) -> DisplayMessage:
    start, end = given(asked.start_date_time), given(asked.end_date_time)
    return DisplayMessage(
        id=asked.id,
        priority=asked.priority,
        texts=tuple(Text(each.content, each.format, given(each.language) or "") for each in _contents(asked)),
        state=cast(State | None, given(asked.state)),
        start=moment(start) if start is not None else None,
        end=moment(end) if end is not None else None,
        transaction_id=given(asked.transaction_id),
        evse=_evse(asked),
    )


def written(message: DisplayMessage) -> display.MessageInfo:
    """2.0.1 has room for one text, and was told no more."""
    text = message.texts[0]
    return display.MessageInfo(
        id=message.id,
        priority=message.priority,
        message=types.MessageContent(
            format=cast(types.MessageFormatEnum, text.format), content=text.content, language=text.language or UNSET
        ),
        state=cast(Any, told(message.state)),
        start_date_time=stamp(message.start) if message.start is not None else UNSET,
        end_date_time=stamp(message.end) if message.end is not None else UNSET,
        transaction_id=told(message.transaction_id),
        display=types.Component(name="Display", evse=types.Evse(id=message.evse)) if message.evse else UNSET,
    )


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.SetDisplayMessageRequest: set_message,
    messages.GetDisplayMessagesRequest: get_messages,
    messages.ClearDisplayMessageRequest: clear_message,
}
