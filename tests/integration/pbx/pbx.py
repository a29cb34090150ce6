"""The test PBX and its phones: a Kamailio and sipp processes, on loopback, stopped by pid."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin"
DOMAIN = "pbx.test"


def missing():
    """The needed programs that are not installed, [] when all are."""
    return [p for p in ("kamailio", "kamcmd", "sipp") if not shutil.which(p, path=PATH)]


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_bound(port, process, seconds=5):
    """Waits until somebody listens on that UDP port of this machine."""
    wanted = ":%04X " % port
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if wanted in pathlib.Path("/proc/net/udp").read_text():
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError("nobody listens on UDP port %d" % port)


class Phone:
    """One sipp process that plays one call of a scenario in sipp/."""

    def __init__(self, process, log):
        self.process, self.log = process, log

    def finish(self, seconds=30):
        """Waits for the end of the scenario; raises with its log when it went otherwise."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            status = "timeout"
        if status != 0:
            raise RuntimeError("phone %s: %s\n%s" % (self.process.args[3], status,
                                                     self.log.read_text(errors="replace")[-3000:]))

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Pbx:
    """Kamailio in `folder`. Extensions 101 to 103 have a phone port each, the carrier has one."""

    def __init__(self, folder, noanswer_ms=8000, rendering_value="pvalue", nonce_expire=60,
                 hep_port=0, hep_key=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.trunk_port = free_udp_port(), free_udp_port()
        self.ports = {ext: free_udp_port() for ext in ("101", "102", "103")}
        self.ports["trunk"] = self.trunk_port
        self.phones = []
        self.env = dict(os.environ, PATH=PATH, RUN=str(self.folder), SIP_PORT=str(self.port),
                        TRUNK_PORT=str(self.trunk_port), DOMAIN=DOMAIN,
                        NOANSWER_MS=str(noanswer_ms), NONCE_EXPIRE=str(nonce_expire),
                        RENDERING_VALUE=rendering_value, HEP_PORT=str(hep_port),
                        HEP_KEY=hep_key)

    def start(self):
        subprocess.run([HERE / "pbx.sh", "start"], env=self.env, check=True, timeout=30)

    def stop(self):
        for phone in self.phones:
            phone.stop()
        subprocess.run([HERE / "pbx.sh", "stop"], env=self.env, check=True, timeout=30)

    def log(self):
        file = self.folder / "kamailio.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def register(self, *extensions):
        for ext in extensions:
            self._sipp("register", free_udp_port(), "-key", "ext", ext, "-key", "port",
                       str(self.ports[ext]), "-key", "expires", "300",
                       "-au", ext, "-ap", "pw-" + ext).finish()

    def answerer(self, who, scenario, ring_ms=300):
        """A phone that waits for one call; `who` is an extension or "trunk"."""
        phone = self._sipp(scenario, self.ports[who], "-key", "ext", who, "-key", "caller", who,
                           "-d", str(ring_ms))
        wait_bound(self.ports[who], phone.process)
        return phone

    def caller(self, number, called, scenario, pause_ms=500, name=""):
        """A phone that calls at once. A `number` with + calls from the carrier."""
        port = self.trunk_port if number.startswith("+") else self.ports[number]
        return self._sipp(scenario, port, "-s", called, "-key", "ext", number, "-key", "caller",
                          number, "-key", "name", name, "-d", str(pause_ms))

    def _sipp(self, scenario, port, *options):
        log = self.folder / ("sipp-%d-%s.log" % (len(self.phones), scenario))
        with open(log, "wb") as out:
            process = subprocess.Popen(
                ["sipp", "127.0.0.1:%d" % self.port, "-sf", HERE / "sipp" / (scenario + ".xml"),
                 "-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-ci", "127.0.0.1",
                 "-m", "1", "-nostdin", "-timeout", "30", "-timeout_error", "-key", "domain",
                 DOMAIN, "-trace_err", "-error_file", str(log) + ".errors", *options],
                env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        phone = Phone(process, log)
        self.phones.append(phone)
        return phone


def scenarios():
    """name -> function(pbx) that plays it to its end: the calls every dialog-info test needs.

    Phones 101 and 102 are registered. Numbers are of the reserved range +1 202 555 01xx.
    """
    def play(who, answer, number, called, call, ring_ms=300, pause_ms=500, name=""):
        def run(pbx):
            callee = pbx.answerer(who, answer, ring_ms)
            caller = pbx.caller(number, called, call, pause_ms, name)
            caller.finish()
            callee.finish()
        return run

    def unregistered(pbx):
        pbx.caller("101", "103", "uac_fail").finish()

    return {
        "answered": play("102", "uas_answer", "101", "102", "uac_call"),
        "hold": play("102", "uas_held", "101", "102", "uac_hold"),
        "hold_by_callee": play("102", "uas_hold", "101", "102", "uac_held"),
        "busy": play("102", "uas_busy", "101", "102", "uac_fail"),
        "rejected": play("102", "uas_reject", "101", "102", "uac_fail"),
        "cancelled": play("102", "uas_noanswer", "101", "102", "uac_cancel"),
        "no_answer": play("102", "uas_noanswer", "101", "102", "uac_fail"),
        "inbound": play("102", "uas_answer", "+12025550143", "+12025550102", "uac_call",
                        name="Jane Doe"),
        "outbound": play("trunk", "uas_answer", "101", "+12025550199", "uac_call"),
        "unregistered": unregistered,
    }
