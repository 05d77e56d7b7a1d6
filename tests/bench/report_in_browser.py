"""Opens a session report in headless Chromium and uses it: every gesture must work, no console message is allowed,
frame times are measured, pictures taken.

Needs `chromium` on the PATH; not part of the test run. SCRIPT runs in the page before the pictures.
  python tests/bench/report_in_browser.py REPORT.html [OUT_DIR [SCRIPT]]
"""

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

SIZES = ((1400, 1000), (820, 1000), (390, 844))
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--remote-debugging-port=0",
]  # fmt: skip
#: zoom in and out again in many steps, drawing each frame at once; the answer is [frames, median ms, worst ms]
FRAMES = """(() => {
  const took = [];
  for (let step = 0; step < 60; step++) {
    zoom(step < 30 ? 0.8 : 1.25, data.length * 0.4);
    const begin = performance.now(); drawAll(); took.push(performance.now() - begin);
  }
  showAll(); took.sort((a, b) => a - b);
  return [took.length, took[30], took[59], document.querySelectorAll("svg *").length];
})()"""

#: every way to move and ask, as a person would; the answer is what did not work
EXERCISE = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


class Browser:
    """One page over the DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await asyncio.wait_for(self._socket.recv(), 30))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(message["error"])
                answer: dict[str, Any] = message["result"]
                return answer
            if message.get("method") in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}:
                self.complaints.append(json.dumps(message["params"])[:600])

    async def run(self, script: str) -> Any:
        answer = await self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:600])
        return answer["result"].get("value")

    async def picture(self, out: Path) -> None:
        answer = await self.ask("Page.captureScreenshot", format="png")
        await asyncio.to_thread(out.write_bytes, base64.b64decode(answer["data"]))


def measure(report: Path, out: Path, extra: str | None) -> int:
    with tempfile.TemporaryDirectory() as profile:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
        process = subprocess.Popen([chromium, *FLAGS, f"--user-data-dir={profile}"], stderr=subprocess.DEVNULL)
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            for _ in range(200):
                if port_file.exists() and len(port_file.read_text().splitlines()) == 2:
                    break
                time.sleep(0.05)
            port, path = port_file.read_text().splitlines()
            return asyncio.run(
                visit(f"ws://127.0.0.1:{port}{path}", report.resolve().as_uri(), out / report.stem, extra)
            )
        finally:
            process.terminate()
            process.wait(10)


async def visit(browser_url: str, report: str, out: Path, extra: str | None) -> int:
    async with connect(browser_url, max_size=None) as control:
        target = (await Browser(control).ask("Target.createTarget", url="about:blank"))["targetId"]
    page_url = browser_url.partition("/devtools/")[0] + f"/devtools/page/{target}"
    async with connect(page_url, max_size=None) as socket:
        page = Browser(socket)
        for domain in ("Page", "Runtime", "Log"):
            await page.ask(f"{domain}.enable")
        for width, height in SIZES:
            mobile = width < 600
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
            await page.ask("Emulation.setDeviceMetricsOverride", **metrics)
            await page.ask("Page.navigate", url=report)
            await page.run("new Promise(done => setTimeout(done, 400))")
            if extra:
                await page.run(extra)
                await page.run("new Promise(done => setTimeout(done, 300))")
            overflow = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            whole = await page.run("document.documentElement.scrollHeight")
            await page.ask("Emulation.setDeviceMetricsOverride", **{**metrics, "height": min(whole, 2600)})
            await page.run("new Promise(done => setTimeout(done, 200))")
            await page.picture(out.with_name(f"{out.name}-{width}.png"))
            for failed in await page.run(EXERCISE):
                page.complaints.append(f"{width} px: does not work: {failed}")
            frames, median, worst, elements = await page.run(FRAMES)
            print(
                f"{width:5} px: {frames} frames, median {median:.1f} ms, worst {worst:.1f} ms, "
                f"{elements} elements, {overflow} px too wide"
            )
    for complaint in page.complaints:
        print(complaint)
    return 1 if page.complaints else 0


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(".")
    out.mkdir(parents=True, exist_ok=True)
    return measure(Path(sys.argv[1]), out, sys.argv[3] if len(sys.argv) > 3 else None)


if __name__ == "__main__":
    sys.exit(main())
