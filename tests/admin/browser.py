"""A headless Chromium, driven over its debugging protocol; nothing else than `websockets` is needed."""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

from websockets.sync.client import connect

PATIENCE = 30


class Browser:
    """One browser with one page. Collects what the page logs as errors and what it asks for."""

    def __init__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        assert program, "chromium is not installed (tests/run installs it)"
        self.folder = tempfile.mkdtemp(prefix="ringgate-chromium-")
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                 "--remote-debugging-port=0", f"--user-data-dir={self.folder}", "about:blank"]
        self.process = subprocess.Popen([program, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = connect(self._address(), max_size=None, proxy=None, ping_interval=None)
        self.numbers = itertools.count(1)
        self.errors, self.urls = [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def _address(self):
        """The page's own socket. The browser writes its port into its folder when it listens."""
        ready = os.path.join(self.folder, "DevToolsActivePort")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                port = open(ready).read().split()[0]
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                pages = json.load(opener.open(f"http://127.0.0.1:{port}/json"))
                return next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            except (OSError, IndexError, StopIteration):
                time.sleep(0.1)
        raise AssertionError("chromium does not listen")

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self.socket.recv(timeout=PATIENCE))
            if told.get("id") == number:
                assert "error" not in told, (method, told["error"])
                return told["result"]
            self._note(told)

    def _note(self, event):
        method, told = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.errors.append(str(told["args"]))
        elif method == "Network.requestWillBeSent":
            self.urls.append(told["request"]["url"])

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def ask(self, expression):
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, (expression, told["exceptionDetails"])
        return told["result"].get("value")

    def until(self, expression, patience=PATIENCE):
        """Waits until the expression is true of the page."""
        deadline = time.monotonic() + patience
        while True:
            found = self.ask(expression)
            if found:
                return found
            assert time.monotonic() < deadline, f"never: {expression}\n{self.ask('document.body.innerText')}"
            time.sleep(0.1)

    def press(self, selector):
        """Clicks where the element is, as a person does; fails if something lies over it."""
        where = self.ask(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)}); it.scrollIntoView({{block: 'center'}});"
            " const box = it.getBoundingClientRect(); const x = box.x + box.width / 2, y = box.y + box.height / 2;"
            " return it.contains(document.elementFromPoint(x, y)) ? [x, y] : null; })()")
        assert where, f"{selector} cannot be clicked"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def key(self, name, code=None, text=None):
        more = {"text": text} if text else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code or 0, **more)

    def size(self, width, height, scale=1, is_phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=is_phone)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)
