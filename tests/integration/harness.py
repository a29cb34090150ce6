"""What every integration test starts: the real daemon in a folder of its own, and its clients.

    with Daemon(toml=SOURCES, files={"sip.secret": "pw-900"}) as daemon:
        client = Client(daemon, daemon.token("alice", "events:own"))
        event = client.wait_for(lambda e: e["type"] == "call.ended", 10)

The binary is named by HOOKSWITCHD. Needs Python 3.11 and python3-websockets.
"""
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

try:
    import websockets
except ModuleNotFoundError:
    sys.exit("%s has no websockets: install python3-websockets and use Debian's /usr/bin/python3"
             % sys.executable)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE_TOML = """\
[[listen]]
address = "127.0.0.1:{port}"

[auth]
hs256_secret_file = "jwt.secret"

[journal]
engine = "sqlite"
path = "{folder}/journal.db"

[[org]]
id = "acme"
country = "US"

[[user]]
org = "acme"
id = "alice"
extensions = ["101"]

[[user]]
org = "acme"
id = "bob"
extensions = ["102"]

"""


def free_tcp_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_until(condition, seconds, what):
    """Returns the first true value of condition(); AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("not within %s s: %s" % (seconds, what))
        time.sleep(0.02)


class Daemon:
    """hookswitchd with a folder and a port of its own.

    As a context manager it is started, stopped by SIGTERM with exit status 0 demanded, and its
    log is printed when the block fails.
    """

    def __init__(self, toml="", files=None):
        self.binary = pathlib.Path(os.environ.get("HOOKSWITCHD")
                                   or ROOT / "build/release/hookswitchd").resolve()
        if not self.binary.exists():
            raise FileNotFoundError("no daemon at %s: set HOOKSWITCHD" % self.binary)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hookswitch-"))
        self.port = free_tcp_port()
        self.config = self.folder / "hookswitch.toml"
        self.config.write_text(BASE_TOML.format(port=self.port, folder=self.folder) + toml)
        for name, text in dict({"jwt.secret": "0123456789abcdef" * 4}, **(files or {})).items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o600)
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self._give_up()
            raise
        return self

    def __exit__(self, failed, *_):
        if failed:
            self._give_up()
            return
        try:
            self.stop()
        except BaseException:
            self._give_up()
            raise
        shutil.rmtree(self.folder)

    def start(self, seconds=20):
        """Starts it and returns when GET /readyz says 200."""
        with open(self.folder / "daemon.log", "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_ready(seconds)

    def wait_ready(self, seconds=20):
        wait_until(self._is_ready, seconds, "GET /readyz answers 200")

    def _is_ready(self):
        assert self.process.poll() is None, "the daemon ended with %s" % self.process.returncode
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.http("GET", "/readyz")[0] == 200
        return False

    def stop(self, seconds=15):
        """SIGTERM; the exit status must be 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(seconds)
        assert status == 0, "exit status %s after SIGTERM" % status

    def kill(self):
        """kill -9: what a power failure leaves to the journal. start() brings it back."""
        self.process.kill()
        self.process.wait()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def children(self):
        """{pid: command line} of the daemon's child processes."""
        found = {}
        for task in pathlib.Path("/proc/%d/task" % self.process.pid).iterdir():
            for pid in (task / "children").read_text().split():
                with contextlib.suppress(FileNotFoundError):
                    line = pathlib.Path("/proc/%s/cmdline" % pid).read_bytes()
                    found[int(pid)] = line.decode().replace("\0", " ").strip()
        return found

    def log(self):
        file = self.folder / "daemon.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def token(self, user, scope, org="acme", ttl="1h"):
        """What `hookswitchd token` prints for that user."""
        run = subprocess.run([self.binary, "token", "--config", self.config, "--org", org, "--user",
                              user, "--scope", scope, "--ttl", ttl],
                             capture_output=True, text=True, timeout=10)
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    def http(self, method, path, body=None, headers=None):
        """(status, headers, body bytes) of one request; a dict or list as body is sent as JSON."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def json(self, method, path, body=None, token=None):
        """The JSON answered with status 200 or 202."""
        headers = {"Authorization": "Bearer " + token} if token else {}
        status, _, answer = self.http(method, path, body, headers)
        assert status in (200, 202), "%s %s: %s %r" % (method, path, status, answer)
        return json.loads(answer)

    def _give_up(self):
        if self.process and self.process.poll() is None:
            self.kill()
        print("---- log of the daemon\n%s----" % self.log(), file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)


class Client:
    """A WebSocket client on /v1/events. Frames are collected by a thread of its own.

    `frames` holds every JSON frame in the order of arrival, `events` those that are events.
    A page dialect's frames are in `frames` alone. `close_code` is None while it is connected.
    """

    def __init__(self, daemon, token=None, since=None, protocol="hookswitch.v1", hello=None,
                 origin=None, seconds=10):
        self.frames, self.welcome, self.close_code = [], None, None
        self.close_reason = None
        self.changed = threading.Condition()
        self._url = "ws://127.0.0.1:%d/v1/events" % daemon.port
        self._protocol, self._origin = protocol, origin
        self._hello = {"op": "hello", **({"token": token} if token else {}),
                       **({"since": since} if since else {}), **(hello or {})}
        self._loop = asyncio.new_event_loop()
        self._socket = self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait(lambda: self.frames or self.close_code is not None, seconds, "a first frame")

    @property
    def events(self):
        return [f for f in list(self.frames) if "specversion" in f]

    def wait_for(self, predicate, seconds, start=0):
        """The first event from events[start] on for which predicate(event) is true."""
        def find():
            return next((e for e in self.events[start:] if predicate(e)), None)
        return self._wait(find, seconds, "the event")

    def wait_for_frame(self, predicate, seconds, start=0):
        def find():
            return next((f for f in self.frames[start:] if predicate(f)), None)
        return self._wait(find, seconds, "the frame")

    def send(self, frame):
        sending = self._socket.send(json.dumps(frame))
        asyncio.run_coroutine_threadsafe(sending, self._loop).result(10)

    def ping(self, seconds=10):
        """Returns when the daemon has answered: all that it sent before has arrived."""
        start = len(self.frames)
        self.send({"op": "ping"})
        self.wait_for_frame(lambda f: f.get("op") == "pong", seconds, start)

    def close(self):
        if self._socket and self.close_code is None:
            asyncio.run_coroutine_threadsafe(self._socket.close(), self._loop).result(10)
        self._thread.join(10)

    def _wait(self, find, seconds, what):
        with self.changed:
            if not self.changed.wait_for(lambda: find() or self._failure, seconds):
                seen = ["%s %s" % (e["type"], e["cursor"]) for e in self.events] or self.frames
                raise AssertionError("%s did not come within %s s; seen: %s, close code %s"
                                     % (what, seconds, seen, self.close_code))
            value = find()
            if not value:
                raise self._failure
            return value

    def _run(self):
        try:
            self._loop.run_until_complete(self._receive())
        except Exception as failure:  # handed to whoever waits
            with self.changed:
                self._failure = failure
                self.changed.notify_all()
        finally:
            self._loop.close()

    async def _receive(self):
        headers = {"Origin": self._origin} if self._origin else None
        async with websockets.connect(self._url, subprotocols=[self._protocol],
                                      extra_headers=headers, max_size=None) as sock:
            self._socket = sock
            await sock.send(json.dumps(self._hello))
            with contextlib.suppress(websockets.ConnectionClosed):
                async for text in sock:
                    frame = json.loads(text)
                    with self.changed:
                        if frame.get("op") == "welcome":
                            self.welcome = frame
                        self.frames.append(frame)
                        self.changed.notify_all()
            with self.changed:
                self.close_code, self.close_reason = sock.close_code, sock.close_reason
                self.changed.notify_all()


def cursor_offset(event):
    """The number in "<epoch>.<offset>"."""
    return int(event["cursor"].rpartition(".")[2])
