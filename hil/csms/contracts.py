"""Contracts of cars at the rig's back office: OCPP 2.0.1's three questions, answered by `hil.contract_office`.

1.6 asks the same inside DataTransfer. Without an office nobody here knows contracts, and eMAIDs are plain tokens.
"""

import base64
import json
from typing import Final

from hil.contract_office import NoCertificate
from hil.csms.records import JsonObject, Records

VENDOR: Final = "org.openchargealliance.iso15118pnc"


def authorize(records: Records, call: JsonObject) -> JsonObject:
    """C07; a token without contract data as well."""
    hashes, pem = call.get("iso15118CertificateHashData", []), call.get("certificate")
    if records.contracts is None or not (hashes or pem):
        return {"idTokenInfo": {"status": records.token_status(call["idToken"]["idToken"])}}
    status, certificate_status = records.contracts.judge(call["idToken"]["idToken"], pem, hashes)
    return {"idTokenInfo": {"status": status}, "certificateStatus": certificate_status}


def car_certificate(records: Records, call: JsonObject) -> JsonObject:
    """M01, M02."""
    if records.contracts is None:
        return {"status": "Failed", "exiResponse": "", "statusInfo": {"reasonCode": "NotEnabled"}}
    try:
        answer = records.contracts.provide(call["action"], call["exiRequest"])
    except NoCertificate as none:
        info = {"reasonCode": "NoContract", "additionalInfo": str(none)[:512]}
        return {"status": "Failed", "exiResponse": "", "statusInfo": info}
    return {"status": "Accepted", "exiResponse": answer}


def certificate_status(records: Records, call: JsonObject) -> JsonObject:
    """M06."""
    response = None if records.contracts is None else records.contracts.ocsp(call["ocspRequestData"]["serialNumber"])
    if response is None:
        return {"status": "Failed"}
    return {"status": "Accepted", "ocspResult": base64.b64encode(response).decode()}


ANSWERS: Final = {
    "Authorize": authorize,
    "Get15118EVCertificate": car_certificate,
    "GetCertificateStatus": certificate_status,
}


def data_transfer(records: Records, call: JsonObject) -> JsonObject:
    """1.6: one of them as JSON text."""
    if call["vendorId"] != VENDOR or records.contracts is None:
        return {"status": "UnknownVendorId"}
    answer = ANSWERS.get(call.get("messageId", ""))
    if answer is None:
        return {"status": "UnknownMessageId"}
    return {"status": "Accepted", "data": json.dumps(answer(records, json.loads(call["data"])))}
