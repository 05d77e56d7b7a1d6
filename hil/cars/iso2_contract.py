"""Plug & Charge in a car's ISO 15118-2 session: a contract certificate from the station's back office, payment by
contract, signed metering receipts. Keys and signatures are `contract`'s business."""

from typing import Final

from firmware.v2g.messages.declare import replace
from firmware.v2g.messages.iso2 import (
    AuthorizationReq,
    AuthorizationRes,
    CertificateInstallationReq,
    CertificateInstallationRes,
    CertificateUpdateReq,
    CertificateUpdateRes,
    EvseProcessing,
    MeterInfo,
    MeteringReceiptReq,
    MeteringReceiptRes,
    PaymentDetailsReq,
    PaymentDetailsRes,
    SelectedService,
    ServiceDetailReq,
    ServiceDetailRes,
    ServiceDiscoveryRes,
)
from firmware.v2g.messages.xmldsig import Signature
from hil.cars.contract import Wallet, sign
from hil.cars.line import SessionFailed
from hil.cars.secc import Secc
from hil.cars.trip import Trip
from hil.cars.wish import ONGOING_PACE_S, ONGOING_S

CERTIFICATE: Final = 2  # service id, ISO 15118-2 Table 105
PARAMETER_SETS: Final = {"install": 1, "update": 2}  # Table 106
SIGNED: Final = "id1"


async def certificate_service(secc: Secc, found: ServiceDiscoveryRes, action: str) -> SelectedService:
    """The certificate service with the parameter set of `action`. Raises SessionFailed when it is not offered."""
    if CERTIFICATE not in {service.service_id for service in found.service_list or ()}:
        raise SessionFailed("the station offers no certificate service")
    detail = await secc.ask(ServiceDetailReq(service_id=CERTIFICATE), ServiceDetailRes)
    wanted = PARAMETER_SETS[action]
    if wanted not in {each.parameter_set_id for each in detail.service_parameter_list or ()}:
        raise SessionFailed(f"the station's certificate service cannot {action}")
    return SelectedService(service_id=CERTIFICATE, parameter_set_id=wanted)


async def get_contract(secc: Secc, wallet: Wallet, action: str) -> None:
    """CertificateInstallation or CertificateUpdate; the wallet has the new contract afterwards."""
    if action == "install":
        install = CertificateInstallationReq(
            id=SIGNED,
            oem_provisioning_cert=wallet.provisioning_der,
            list_of_root_certificate_ids=wallet.root_ids,
        )
        signature = sign(wallet.provisioning_key, install, SIGNED)
        installed = await secc.ask(install, CertificateInstallationRes, signature=signature)
        wallet.take(installed, secc.signature, wallet.provisioning_key)
        return
    update = CertificateUpdateReq(
        id=SIGNED,
        contract_signature_cert_chain=wallet.contract_chain(),
        emaid=wallet.emaid,
        list_of_root_certificate_ids=wallet.root_ids,
    )
    signature = wallet.sign_by_contract(update, SIGNED)
    updated = await secc.ask(update, CertificateUpdateRes, signature=signature)
    if wallet.contract_key is not None:
        wallet.take(updated, secc.signature, wallet.contract_key)


async def authorize(secc: Secc, wallet: Wallet) -> None:
    """Show the contract, prove it is ours, wait until the back office has taken it."""
    details = PaymentDetailsReq(emaid=wallet.emaid, contract_signature_cert_chain=wallet.contract_chain())
    challenge = (await secc.ask(details, PaymentDetailsRes)).gen_challenge
    request = AuthorizationReq(id=SIGNED, gen_challenge=challenge)
    signature: Signature | None = wallet.sign_by_contract(request, SIGNED)
    until = secc.now + ONGOING_S
    while True:
        answer = await secc.ask(request, AuthorizationRes, signature=signature)
        if answer.evse_processing is EvseProcessing.Finished:
            return
        if secc.now > until:
            raise SessionFailed(f"the contract was not taken within {ONGOING_S:.0f} s")
        # the challenge is good for one signature: what follows only asks how far it is
        request, signature = replace(request, id=None, gen_challenge=None), None
        await secc.pause(ONGOING_PACE_S)


async def give_receipt(trip: Trip, meter: MeterInfo, schedule: int) -> None:
    """Sign what the station says it has delivered [V2G2-904]. Without a contract there is nobody to sign."""
    secc, wallet = trip.secc, trip.wallet
    if wallet is None:
        raise SessionFailed("the station wants a receipt of a car that pays on the spot")
    receipt = MeteringReceiptReq(id=SIGNED, session_id=secc.session_id, sa_schedule_tuple_id=schedule, meter_info=meter)
    await secc.ask(receipt, MeteringReceiptRes, signature=wallet.sign_by_contract(receipt, SIGNED))
