"""Damaged messages of a contract session, through framing, codec, script and desk: an answer or an end, never more, and
never a yes that the back office was not asked for."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from firmware.v2g import exi, v2gtp
from firmware.v2g.messages import iso2
from firmware.v2g.pki.certificates import der

ROUNDS = 120


def frames(rig: Any, pki: Any, root_ids: Any) -> dict[str, Callable[[], bytes]]:
    """Good messages, made when the session has come so far."""

    def pack(body: Any, leaf: Any = None) -> bytes:
        signature = rig.signed(body, leaf) if leaf is not None else None
        header = iso2.MessageHeader(session_id=rig.session_id, signature=signature)
        return exi.encode(iso2.V2gMessage(header=header, body=body))

    install = iso2.CertificateInstallationReq(
        id="id1", oem_provisioning_cert=der(pki.provisioning.certificate), list_of_root_certificate_ids=root_ids
    )
    chain = iso2.CertificateChain(
        certificate=der(pki.contract.certificate),
        sub_certificates=tuple(der(each) for each in pki.contract.chain.sub_cas),
    )
    details = iso2.PaymentDetailsReq(emaid="DEPLTC0000012X", contract_signature_cert_chain=chain)
    return {
        "install": lambda: pack(install, pki.provisioning),
        "details": lambda: pack(details),
        "authorization": lambda: pack(iso2.AuthorizationReq(id="ID1", gen_challenge=rig.challenge), pki.contract),
    }


def damage(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(10, len(changed))  # behind the session id: another's would end it at once
        changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("target", ["install", "details", "authorization"])
def test_damaged_messages(contract_rig: Any, pki: Any, root_ids: Any, target: str) -> None:
    rig, rng = contract_rig, random.Random(target)
    rig.clerk.verdict = None
    for _ in range(ROUNDS):
        rig.bay.id_token = None
        rig.connect()
        rig.choose_contract()
        made = frames(rig, pki, root_ids)
        if target == "authorization":
            rig.details()
        good = made[target]()
        bad = damage(rng, good)
        asked = len(rig.clerk.asked)
        rig.talk.receive(v2gtp.pack(0x8001, bad), rig.now)
        answer = rig.heard() if rig.talk.peer.outbox else None
        waits = bool(rig.work) and not rig.work[-1].over
        assert answer is not None or rig.talk.ended is not None or waits
        if answer is not None and target == "authorization" and not str(answer.response_code).startswith("FAILED"):
            assert exi.decode(bad, "iso2") == exi.decode(good, "iso2"), "only padding may differ"
        rig.talk.cancel("next round")
        assert len(rig.clerk.asked) == asked, "the question starts only when the work is stepped"
        assert rig.bay.id_token is None
