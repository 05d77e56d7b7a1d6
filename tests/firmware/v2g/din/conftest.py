"""A DC bay, and a good DIN request of each kind by name."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.v2g.messages import app_protocol, din
from firmware.v2g.messages.declare import Message
from firmware.v2g.sessions.din import NAMESPACE

TO_PRECHARGE = (
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "ServicePaymentSelection",
    "ContractAuthentication",
    "ChargeParameterDiscovery",
    "CableCheck",
    "PreCharge",
)


def _request(name: str) -> Message:
    """PowerDelivery by its ReadyToChargeState."""
    status = din.DcEvStatus(ev_ready=True, ev_error_code=din.DcEvErrorCode.NO_ERROR, ev_ress_soc=50)
    volts, amps = din.PhysicalValue.of(390, "V"), din.PhysicalValue.of(120, "A")
    chain = din.CertificateChain(certificate=b"certificate")
    match name:
        case "SupportedAppProtocol":
            hello = app_protocol.AppProtocol(
                protocol_namespace=NAMESPACE, version_number_major=2, version_number_minor=0, schema_id=7, priority=1
            )
            return app_protocol.SupportedAppProtocolReq(app_protocol=(hello,))
        case "SessionSetup":
            return din.SessionSetupReq(evcc_id=bytes.fromhex("020000000001"))
        case "ServiceDiscovery":
            return din.ServiceDiscoveryReq(service_category=din.ServiceCategory.EVCharging)
        case "ServiceDetail":
            return din.ServiceDetailReq(service_id=1)
        case "ServicePaymentSelection":
            return din.ServicePaymentSelectionReq(
                selected_payment_option=din.PaymentOption.ExternalPayment,
                selected_service_list=(din.SelectedService(service_id=1),),
            )
        case "PaymentDetails":
            return din.PaymentDetailsReq(contract_id="DE-ABC-123456-7", contract_signature_cert_chain=chain)
        case "ContractAuthentication":
            return din.ContractAuthenticationReq()
        case "ChargeParameterDiscovery":
            car = din.DcEvChargeParameter(
                dc_ev_status=status,
                ev_maximum_current_limit=din.PhysicalValue.of(200, "A"),
                ev_maximum_voltage_limit=din.PhysicalValue.of(410, "V"),
            )
            return din.ChargeParameterDiscoveryReq(
                ev_requested_energy_transfer_type=din.EvRequestedEnergyTransfer.DC_extended, ev_charge_parameter=car
            )
        case "CableCheck":
            return din.CableCheckReq(dc_ev_status=status)
        case "PreCharge":
            return din.PreChargeReq(
                dc_ev_status=status, ev_target_voltage=volts, ev_target_current=din.PhysicalValue.of(1, "A")
            )
        case "PowerDelivery true" | "PowerDelivery false":
            return din.PowerDeliveryReq(ready_to_charge_state=name.endswith("true"))
        case "CurrentDemand":
            return din.CurrentDemandReq(
                dc_ev_status=status, ev_target_current=amps, charging_complete=False, ev_target_voltage=volts
            )
        case "WeldingDetection":
            return din.WeldingDetectionReq(dc_ev_status=status)
        case "SessionStop":
            return din.SessionStopReq()
        case "ChargingStatus":
            return din.ChargingStatusReq()
        case "MeteringReceipt":
            return din.MeteringReceiptReq(session_id=bytes(8), meter_info=din.MeterInfo(meter_id="1"))
        case "CertificateInstallation":
            return din.CertificateInstallationReq(
                oem_provisioning_cert=b"certificate", list_of_root_certificate_ids=("root",), dh_params=b"dh"
            )
        case "CertificateUpdate":
            return din.CertificateUpdateReq(
                contract_signature_cert_chain=chain,
                contract_id="DE-ABC-123456-7",
                list_of_root_certificate_ids=("root",),
                dh_params=b"dh",
            )
    raise ValueError(name)


@pytest.fixture
def request_named() -> Callable[[str], Message]:
    return _request


@pytest.fixture
def make_bay(make_dc_bay: Any) -> Any:
    """With the car in C: DIN cars close S2 when the cable is to be checked."""
    return lambda **known: make_dc_bay(**{"level": "C", **known})


@pytest.fixture
def rig(make_rig: Any, make_bay: Any) -> Any:
    return make_rig(make_bay())


@pytest.fixture
def walk(rig: Any) -> Callable[..., Any]:
    """Say good requests, by name, one after the other; returns the last answer. `through("charging")` goes there."""

    def say(*names: str) -> Any:
        answer: Any = None
        for name in names:
            [answer] = rig.ask(_request(name))
        return answer

    return say


@pytest.fixture
def charging(walk: Any) -> Any:
    """A session in its charging loop; returns the last CurrentDemandRes."""
    return walk(*TO_PRECHARGE, "PowerDelivery true", "CurrentDemand")


@pytest.fixture
def to_precharge() -> tuple[str, ...]:
    return TO_PRECHARGE
