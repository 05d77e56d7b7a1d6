"""Simulated DC meters with HTTP: LEM DCBM and IEM-DCR, with a key of their own that signs."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlparse

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hil.devices.plant_values import PlantValues, Trouble


class Signer:
    """A meter's key, and the records it makes with it."""

    def __init__(self, curve: ec.EllipticCurve | None = None, algorithm: str = "ECDSA-secp256r1-SHA256") -> None:
        self._key = ec.generate_private_key(curve or ec.SECP256R1())
        self._algorithm = algorithm
        self._page = 0

    @property
    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, text: str) -> bytes:
        return self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))

    def record(self, fields: dict[str, Any], begin_wh: float, end_wh: float) -> str:
        self._page += 1
        shared = {"RI": "1-b:1.8.0", "RU": "kWh", "RT": "DC", "EF": "", "ST": "G"}
        readings = [
            {"TM": "2026-11-21T12:00:00,000+0000 S", "TX": "B", "RV": round(begin_wh / 1000, 3)} | shared,
            {"TM": "2026-11-21T12:30:00,000+0000 S", "TX": "E", "RV": round(end_wh / 1000, 3)},
        ]
        payload = json.dumps({"FV": "1.0", "PG": f"T{self._page}", "MS": "SIM1"} | fields | {"RD": readings})
        return f"OCMF|{payload}|" + json.dumps({"SA": self._algorithm, "SD": self.sign(payload).hex()})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is what our faults are for."""


class HttpMeter:
    """Serves while used as a context manager; `host` is where. What it answers is its subclass's."""

    def __init__(self, plant: PlantValues) -> None:
        self.plant = plant
        self.signer = Signer()
        self.requests: list[tuple[str, str, Any]] = []
        self.running = ""
        self.begin_wh = 0.0
        self.record = ""
        self._frozen: Any = None
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "HttpMeter":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        raise NotImplementedError

    def live(self) -> dict[str, Any]:
        raise NotImplementedError

    def shown(self) -> dict[str, Any]:
        """`live`, with what a broken meter shows."""
        if self.plant.trouble is Trouble.STUCK and self._frozen is not None:
            return dict(self._frozen)
        self._frozen = self.live()
        if self.plant.trouble is Trouble.NAN:
            return {name: float("nan") if isinstance(value, float) else value for name, value in self._frozen.items()}
        return dict(self._frozen)

    def begin(self, session: str) -> None:
        self.running, self.begin_wh = session, self.plant.import_wh

    def finish(self, fields: dict[str, Any]) -> None:
        self.record = self.signer.record(fields, self.begin_wh, self.plant.import_wh)
        self.running = ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        meter = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                return

            def serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                text = self.rfile.read(size)
                trouble = meter.plant.trouble
                if trouble in (Trouble.SILENCE, Trouble.SLOW):
                    meter._released.wait(60.0 if trouble is Trouble.SILENCE else meter.plant.slow_s)
                if trouble in (Trouble.DISCONNECT, Trouble.SILENCE):
                    self.connection.close()
                    return
                if trouble is Trouble.GARBAGE:
                    self.connection.sendall(bytes((0xA5 ^ n * 37) & 0xFF for n in range(300)))
                    return
                body = json.loads(text) if text else None
                meter.requests.append((self.command, self.path, body))
                status, said = meter.answer(self.command, self.path, body)
                if trouble is Trouble.REFUSE:
                    status, said = 500, {"error": "internal"}
                raw = said.encode() if isinstance(said, str) else json.dumps(said).encode()
                if trouble is Trouble.CORRUPT:
                    raw = raw[: len(raw) // 2]
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = serve

        return Handler


class LemDcbm(HttpMeter):
    def live(self) -> dict[str, Any]:
        v = self.plant.shown()
        return {
            "voltage": float(v["u1"]),
            "current": float(v["i1"]),
            "power": v["p"] / 1000,
            "temperatureH": 31.5,
            "temperatureL": 30.0,
            "energyImportTotal": v["in"] / 1000,
            "energyExportTotal": v["out"] / 1000,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
        }

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        parts = urlparse(path)
        asked = parse_qs(parts.query).get("transactionId", [""])[0]
        match method, parts.path:
            case "GET", "/v1/livemeasure":
                return 200, self.shown()
            case "GET", "/v1/status":
                bits = {
                    "suLinkStatusIsOk": True, "muFatalErrorOccured": False, "transactionIsOnGoing": bool(self.running),
                }  # fmt: skip
                key = self.signer.public_key.hex()
                return 200, {"meterId": "SIM1", "publicKeyOcmf": key, "status": {"value": 1, "bits": bits}}
            case "PUT", "/v1/settings":
                return 200, {"meterId": "SIM1", "result": 1}
            case "POST", "/v1/legal" if not self.running:
                self.begin(body["transactionId"])
                return 201, body | {"running": True}
            case "GET", "/v1/legal":
                return 200, {"transactionId": self.running, "running": bool(self.running)}
            case "PUT", "/v1/legal" if asked and asked == self.running:
                self.finish({"TT": "", "ID": asked})
                return 200, {"transactionId": asked, "running": False}
            case "GET", "/v1/ocmf" if self.record:
                return 200, self.record
        return 400, {"error": "bad request"}


class IemDcr(HttpMeter):
    def __init__(self, plant: PlantValues) -> None:
        super().__init__(plant)
        self.place: dict[str, str] = {}
        self.user: dict[str, Any] = {}

    def live(self) -> dict[str, Any]:
        v = self.plant.shown()

        def register(name: str, wh: float, value: str, unit: str) -> dict[str, str]:
            return {value + "V": f"{wh / 1000:012.3f}", value + "I": name, unit + "U": "kWh", value + "T": "DC"}

        totals = [register("1-b:1.8.e", v["in"], "R", "R"), register("1-b:2.8.e", v["out"], "R", "R")]
        if self.plant.trouble is Trouble.NAN:
            totals[0]["RV"] = "--------.---"
        session = [register("transaction_1-b:1.8.e", v["in"] - self.begin_wh, "W", "W")]
        volts, amps = float(v["u1"]), float(v["i1"])
        return {"MS": "SIM1", "EF": "", "ST": "G", "XT": bool(self.running), "RD": totals + session} | {
            "U1": 1.0, "U2": volts, "U3": 0, "U4": 0, "I": amps, "P": float(v["p"]), "XC": "0x0000",
        }  # fmt: skip

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        match method, path.removeprefix("/counter/v1/ocmf/"):
            case "GET", "metervalue":
                return 200, self.shown()
            case "GET", "publickey":
                return 200, {"SA": "ECDSA-secp256r1-SHA256", "PK": self.signer.public_key.hex()}
            case "POST", "datetime":
                return 200, ""
            case "POST", "gw":
                if self.place:
                    return 428, ""
                self.place = body
                return 200, body
            case "POST", "user" if not self.running:
                self.user = body
                return 200, ""
            case "POST", "receipt":
                return self._receipt(body["TX"])
            case "GET", "transaction" if self.record:
                return 200, self.record
        return 400, ""

    def _receipt(self, kind: str) -> tuple[int, Any]:
        if abs(self.plant.current_a[0]) > 1.0 or (kind == "B") == bool(self.running):
            return 428, ""
        if kind == "B":
            self.begin("running")
        else:
            self.finish({"CI": self.place["CI"], "ID": self.user["ID"], "TT": self.user["TT"]})
        return 200, ""
