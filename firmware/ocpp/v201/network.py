"""2.0.1 B09: a connection profile set by the back office. When it is dialled is `ocpp/routes.py`'s."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office
from firmware.ocpp.network_profiles import Profile, Refused, Secret, refuses_password
from firmware.ocpp.payload import Payload
from firmware.ocpp.v201 import messages
from firmware.ocpp.v201.status_info import because
from firmware.station import security_events


async def set_network_profile(request: messages.SetNetworkProfileRequest, office: Office) -> Answer:
    data = request.connection_data
    profiles = office.uplink.profiles
    identity = getattr(data, "identity", UNSET)  # 2.1
    password = getattr(data, "basic_auth_password", UNSET)  # 2.1
    version = getattr(data, "ocpp_version", UNSET)  # 2.1 may leave it out
    version = version if version is not UNSET else ""
    profile = Profile(
        slot=request.configuration_slot,
        url=data.ocpp_csms_url,
        security_profile=data.security_profile,
        message_timeout_s=data.message_timeout,
        interface=data.ocpp_interface,
        version=version,
        identity=identity if identity is not UNSET else "",
    )
    refused = profiles.refuses(
        profile,
        transport=data.ocpp_transport,
        version=version,
        dial_up=data.apn is not UNSET or data.vpn is not UNSET,
    )
    if refused is None and password is not UNSET and (why := refuses_password(password)):
        refused = Refused("InvalidNetworkConf", f"the password has {why}")
    if refused is not None:
        info = because(refused.text, refused.code)
        return Answer(messages.SetNetworkProfileResponse(status="Rejected", status_info=info))
    undo = profiles.undoing(profile.slot)
    profiles.set(profile)
    if password is not UNSET:
        profiles.set_secret(profile.slot, Secret(password))
    if not await office.station.stored():  # B09.FR.03
        undo()
        info = because("the disk refuses to keep it", "InternalError")
        return Answer(messages.SetNetworkProfileResponse(status="Failed", status_info=info))
    told = f"network profile {profile.slot}"
    security_events.tell(office.station, "ReconfigurationOfSecurityParameters", told)
    return Answer(messages.SetNetworkProfileResponse(status="Accepted"))


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.SetNetworkProfileRequest: set_network_profile,
}
