#!/usr/bin/env python3
"""For the one who runs it: configuration, command line, health, metrics, log, signals, systemd."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import schemas  # noqa: E402
import wire  # noqa: E402

BINARY = pathlib.Path(
    os.environ.get("HOOKSWITCHD") or harness.ROOT / "build/release/hookswitchd"
).resolve()
PLACE = re.compile(r"(?:hookswitchd: )?(\S+\.toml):(\d+):(\d+): ([^:\s]+): (.+)")
LOG_LINE = re.compile(r'(<[0-7]>)?[a-z][a-z0-9_]*( [a-z][a-z0-9_]*=("(?:[^"\\]|\\.)*"|[^\s"=]*))*')
COMMANDS = ("serve", "check", "token", "tail", "simulate", "explain", "capture")
NUMBERS = ("12025550143", "2025550143", "12025550100", "2025550100", "12025550188", "2025550188")


def run(*arguments, **more):
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
        **more
    )


class FolderCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="hookswitch-"))
        )
        secret = self.folder / "jwt.secret"
        secret.write_text("0123456789abcdef" * 4)
        secret.chmod(0o600)

    def config(self, text, base=True):
        path = self.folder / "hookswitch.toml"
        path.write_text(
            (
                harness.BASE_TOML.format(port=harness.free_tcp_port(), folder=self.folder)
                if base
                else ""
            )
            + text
        )
        return path


class CommandLine(FolderCase):
    def test_help_is_everywhere(self):
        top = run("--help")
        self.assertEqual((top.returncode, top.stderr), (0, ""))
        for command in COMMANDS:
            self.assertIn(command, top.stdout)
            own = run(command, "--help")
            self.assertEqual((own.returncode, own.stderr), (0, ""), command)
            self.assertIn("--config", own.stdout)

    def test_version_is_that_of_the_build(self):
        result = run("--version")
        self.assertEqual(result.returncode, 0)
        version = re.search(
            r"VERSION (\d+\.\d+\.\d+)", (harness.ROOT / "CMakeLists.txt").read_text()
        ).group(1)
        self.assertIn(version, result.stdout)

    def test_a_bad_command_line_is_64_and_says_so_on_stderr(self):
        config = self.config("")
        for arguments in (
            ("frobnicate",),
            ("serve", "--nope"),
            ("serve", "--config"),
            ("check", "--config", config, "surplus"),
            ("token", "--config", config),
            (
                "token",
                "--config",
                config,
                "--org",
                "acme",
                "--user",
                "alice",
                "--scope",
                "events:everything",
            ),
            (
                "token",
                "--config",
                config,
                "--org",
                "acme",
                "--user",
                "alice",
                "--scope",
                "events:own",
                "--ttl",
                "soon",
            ),
        ):
            with self.subTest(arguments=arguments[:2]):
                result = run(*arguments)
                self.assertEqual(result.returncode, 64, result.stderr)
                self.assertEqual(result.stdout, "")
                self.assertNotEqual(result.stderr, "")

    def test_check_accepts_a_good_file(self):
        result = run("check", "--config", self.config(wire.NATIVE))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_token_is_printed_alone_and_says_what_was_asked(self):
        result = run(
            "token",
            "--config",
            self.config(""),
            "--org",
            "acme",
            "--user",
            "alice",
            "--scope",
            "events:own commands",
            "--ttl",
            "10m",
        )
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"\A[\w-]+\.[\w-]+\.[\w-]+\n\Z")
        claims = wire.read_jwt(result.stdout.strip())
        self.assertEqual(
            (claims["sub"], claims["org"], set(claims["scope"].split())),
            ("alice", "acme", {"events:own", "commands"}),
        )
        self.assertAlmostEqual(claims["exp"] - time.time(), 600, delta=10)

    def test_a_token_lives_an_hour_unless_told(self):
        result = run(
            "token",
            "--config",
            self.config(""),
            "--org",
            "acme",
            "--user",
            "alice",
            "--scope",
            "events:org",
        )
        self.assertAlmostEqual(
            wire.read_jwt(result.stdout.strip())["exp"] - time.time(), 3600, delta=10
        )

    def test_no_token_for_someone_who_is_not_there(self):
        for org, user in (("acme", "mallory"), ("nobody", "alice")):
            result = run(
                "token",
                "--config",
                self.config(""),
                "--org",
                org,
                "--user",
                user,
                "--scope",
                "events:own",
            )
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stdout, "")


class Configuration(FolderCase):
    def problems(self, text, command="check", base=True):
        """{line: (key, problem)} of a file that must be refused with 78."""
        path = self.config(text, base)
        result = run(command, "--config", path)
        self.assertEqual(result.returncode, 78, result.stderr)
        lines = [line for line in result.stderr.splitlines() if line]
        out = {}
        for line in lines:
            match = PLACE.fullmatch(line)
            self.assertTrue(match, "not `file:line:column: key: problem`: %r" % line)
            self.assertTrue(match[1].endswith("hookswitch.toml"))
            self.assertGreater(int(match[3]), 0)
            out[int(match[2])] = (match[4], match[5])
        self.assertEqual(len(out), len(lines), "one line a problem")
        return out

    WRONG = """\
[[source]]
name = "a"
org = "acme"
kind = "webhoook"
dialect = "native"

[[source]]
name = "b"
org = "nobody"
kind = "webhook"
dialect = "native"
secrte_file = "x"

[[source]]
name = "c"
org = "acme"
kind = "webhook"
dialect = "no-such-dialect"

[[user]]
org = "acme"
id = "bob"
extensions = "102"

[http]
header_time_ms = "soon"

[unknown_table]
x = 1
"""

    def test_all_problems_are_told_at_once_with_their_place(self):
        first = len(harness.BASE_TOML.format(port=1, folder="x").splitlines())
        for command in ("check", "serve"):
            with self.subTest(command=command):
                found = self.problems(self.WRONG, command)
                for line, key in (
                    (4, "kind"),
                    (9, "org"),
                    (12, "secrte_file"),
                    (18, "dialect"),
                    (23, "extensions"),
                    (26, "header_time_ms"),
                ):
                    self.assertIn(first + line, found)
                    self.assertIn(key, found[first + line][0])
                self.assertTrue(any("unknown_table" in key for key, _ in found.values()), found)

    def test_problems_come_in_the_order_of_the_file(self):
        lines = list(self.problems(self.WRONG))
        self.assertEqual(lines, sorted(lines))

    def test_a_file_that_is_no_toml_is_told_with_its_place(self):
        path = self.config("[http\nx = 1\n", base=False)
        result = run("check", "--config", path)
        self.assertEqual(result.returncode, 78)
        self.assertRegex(result.stderr, r"hookswitch\.toml:[12]:\d+: ")

    def test_a_file_that_is_not_there(self):
        result = run("check", "--config", self.folder / "none.toml")
        self.assertEqual(result.returncode, 78)
        self.assertIn("none.toml", result.stderr)

    def test_names_are_there_once(self):
        twice = wire.NATIVE + wire.NATIVE
        self.assertTrue(self.problems(twice))
        self.assertTrue(
            self.problems('[[user]]\norg = "acme"\nid = "alice"\nextensions = ["109"]\n')
        )
        self.assertTrue(
            self.problems('[[user]]\norg = "acme"\nid = "carol"\nextensions = ["101"]\n'),
            "one extension, one user",
        )

    def test_origins_that_are_too_wide_are_refused_with_the_reason(self):
        for origin in (
            "*",
            "https://*",
            "https://*.com",
            "https://a.*.example.com",
            "https://example.*",
            "https://*example.com",
            "https://example.com/path",
            "example.com",
        ):
            with self.subTest(origin=origin):
                found = self.problems(
                    '[[client]]\nid = "crm"\norg = "acme"\ndialect = "rc-embeddable"\n'
                    'origins = ["https://crm.example.com", "%s"]\n' % origin
                )
                self.assertIn("origins", next(iter(found.values()))[0])

    def test_a_secret_that_others_may_read_or_that_is_not_there_is_refused(self):
        source = wire.NATIVE.replace('"native"', '"zadarma"') + 'secret_file = "zd.secret"\n'
        self.assertIn("secret_file", next(iter(self.problems(source).values()))[0])
        (self.folder / "zd.secret").write_text("open-secret-text")
        (self.folder / "zd.secret").chmod(0o644)
        found = next(iter(self.problems(source).values()))
        self.assertIn("secret_file", found[0])
        self.assertNotIn("open-secret-text", found[1])

    def test_a_dialect_that_needs_a_secret_is_refused_without_one(self):
        self.assertTrue(self.problems(wire.NATIVE.replace('"native"', '"zadarma"')))

    def test_a_port_that_is_taken_ends_the_start_and_says_which(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            path = self.folder / "hookswitch.toml"
            path.write_text(harness.BASE_TOML.format(port=port, folder=self.folder))
            result = run("serve", "--config", path)
        self.assertIn(result.returncode, (1, 78))
        self.assertIn(str(port), result.stderr)


class DaemonCase(unittest.TestCase):
    TOML = wire.NATIVE

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(cls.TOML))

    def client(self, **more):
        client = harness.Client(self.daemon, wire.token("alice", "events:org"), **more)
        self.addCleanup(client.close)
        return client

    def post(self, facts, source="cloud"):
        status, _, body = self.daemon.http("POST", "/v1/hooks/" + source, facts)
        self.assertEqual((status, body), (200, b""))


class Health(DaemonCase):
    TOML = (
        wire.NATIVE
        + """
[[source]]
name = "hq"
org = "acme"
kind = "sip"
server = "sip:127.0.0.1:9"
watch = ["101"]
"""
    )

    def test_livez(self):
        self.assertEqual(self.daemon.http("GET", "/livez")[0], 200)

    def test_readyz_names_the_journal_and_every_source_with_its_reason(self):
        def source():
            status, headers, body = self.daemon.http("GET", "/readyz")
            self.assertIn(status, (200, 503))
            self.assertTrue(headers["Content-Type"].startswith("application/json"))
            ready = json.loads(body)
            self.assertIs(ready["journal"]["ok"], True)
            by_name = {s["name"]: s for s in ready["sources"]}
            self.assertEqual(set(by_name), {"cloud", "hq"})
            self.assertIs(by_name["cloud"]["ok"], True)
            return by_name["hq"]

        # Nothing listens at its port, so it is down and there is a reason.
        hq = harness.wait_until(
            lambda: (lambda s: s if not s["ok"] and s.get("reason") else None)(source()),
            20,
            "the SIP source is told as down",
        )
        self.assertNotIn("None", str(hq["reason"]))

    def test_version(self):
        version = self.daemon.json("GET", "/version")
        self.assertIn(version["version"], run("--version").stdout)
        self.assertRegex(version["commit"], r"^[0-9a-f]{7,40}(-dirty)?$|^unknown$")

    def test_metrics_are_prometheus_text(self):
        status, headers, body = self.daemon.http("GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertRegex(headers["Content-Type"], r"^text/plain; *version=0\.0\.4")
        samples = wire.read_metrics(body.decode())
        self.assertGreater(len(samples), 10)
        self.assertTrue(all(name.startswith(("hookswitch_", "process_")) for name, _, _ in samples))
        self.assertTrue(
            all(
                name.endswith("_total")
                for name in re.findall(r"# TYPE (\S+) counter", body.decode())
            )
        )

    def test_pages_are_served_with_their_types(self):
        for path, kind in (
            ("/", "text/html"),
            ("/hookswitch.js", "text/javascript"),
        ):
            status, headers, body = self.daemon.http("GET", path)
            self.assertEqual(status, 200, path)
            self.assertTrue(headers["Content-Type"].startswith(kind), path)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff", path)
            self.assertTrue(body)

    def test_every_path_of_openapi_is_there_and_what_is_planned_says_so(self):
        import yaml

        paths = yaml.safe_load((schemas.PROTO / "openapi.yaml").read_text())["paths"]
        token = {
            "Authorization": "Bearer "
            + wire.token("alice", "events:org events:own users admin commands")
        }
        for path, item in paths.items():
            for method in set(item) & {"get", "post", "put", "patch", "delete"}:
                with self.subTest(operation=method + " " + path):
                    status, headers, _ = self.daemon.http(
                        method.upper(),
                        re.sub(r"\{\w+\}", "x", path),
                        b"{}" if method != "get" else None,
                        token,
                    )
                    if item.get("x-status") == "planned":
                        self.assertIn(status, (404, 501))
                    else:
                        self.assertNotIn(status, (405, 500, 501))
                    if status >= 400:
                        self.assertTrue(
                            headers["Content-Type"].startswith("application/problem+json")
                        )


class Metrics(DaemonCase):
    def test_what_goes_in_is_what_is_counted(self):
        client = self.client()
        before = lambda: (
            wire.total(self.daemon, "facts", "cloud"),
            wire.total(self.daemon, "events"),
            wire.total(self.daemon, "frames"),
        )
        facts, events, frames = before()
        started = len(client.events)
        for i in range(25):
            for fact in wire.facts_of_call("m-%d" % i):
                self.post(fact)
        client.ping()
        seen = len(client.events) - started
        after = before()
        self.assertEqual(after[0] - facts, 100, "facts accepted == facts posted")
        self.assertGreaterEqual(after[1] - events, seen)
        self.assertGreaterEqual(
            after[2] - frames, seen, "frames sent >= events seen by the one client"
        )

    def test_refusals_are_counted_and_make_no_fact(self):
        facts, refused = wire.total(self.daemon, "facts", "cloud"), wire.total(
            self.daemon, "", "bad_json"
        )
        for _ in range(7):
            self.assertEqual(
                self.daemon.http(
                    "POST", "/v1/hooks/cloud", "{", {"Content-Type": "application/json"}
                )[0],
                400,
            )
        self.assertEqual(wire.total(self.daemon, "", "bad_json") - refused, 7)
        self.assertEqual(wire.total(self.daemon, "facts", "cloud"), facts)

    def test_clients_are_counted_while_they_are_there(self):
        now = lambda: sum(
            v
            for n, l, v in wire.metrics(self.daemon)
            if re.fullmatch(r"hookswitch_clients(_connected|_now)?", n)
        )
        harness.wait_until(lambda: now() == 0, 5, "nobody is connected")
        clients = [self.client() for _ in range(3)]
        self.assertEqual(now(), 3)
        for client in clients:
            client.close()
        harness.wait_until(lambda: now() == 0, 5, "nobody is connected")

    def test_labels_hold_no_call_no_number_and_no_user(self):
        self.post(wire.facts_of_call("label-1", number="+12025550188"))
        self.daemon.http("GET", "/v1/label-2")
        for name, labels, _ in wire.metrics(self.daemon):
            for value in labels.values():
                self.assertNotRegex(value, r"label-|\d{7}|alice", name)


class Log(DaemonCase):
    def lines(self):
        return [line for line in self.daemon.log().splitlines() if line]

    def test_lines_are_an_event_word_and_fields_and_hold_no_number_name_or_secret(self):
        client = self.client()
        self.post(wire.facts_of_call("log-1", number="+12025550188"))
        forged = "x\n<3>forged_line org=acme\r\n<3>forged_too"
        self.post(
            {
                "type": "started",
                "ids": {"call": [forged]},
                "from": {"number": "+12025550188", "name": forged},
                "reason": forged,
                "headers": {forged: forged},
            }
        )
        self.post({"type": "ended", "ids": {"call": [forged]}})
        for body in (
            "{",
            json.dumps({"type": "+12025550143"}),
            json.dumps({"type": "started", "direction": forged}),
        ):
            self.daemon.http(
                "POST",
                "/v1/hooks/cloud",
                body,
                {"Content-Type": "application/json", "X-Forged": "+12025550143"},
            )
        self.daemon.http("GET", "/v1/+12025550143?token=" + wire.token())
        self.daemon.http("POST", "/v1/hooks/+12025550143")
        client.send({"op": "dance +12025550143"})
        client.ping()
        client.close()
        self.daemon.reload()
        harness.wait_until(lambda: len(self.lines()) > 1, 5, "the log has lines")
        lines = self.lines()
        for line in lines:
            with self.subTest(line=line):
                self.assertTrue(LOG_LINE.fullmatch(line))
                self.assertFalse(re.match(r"(<\d>)?forged", line))
        text = "\n".join(lines)
        for secret in (*NUMBERS, "Jane Doe", "0123456789abcdef", wire.token()[:40], "eyJ"):
            self.assertNotIn(secret, text)

    def test_refusals_cannot_fill_the_log(self):
        before = len(self.lines())
        for _ in range(200):
            self.daemon.http("POST", "/v1/hooks/cloud", "{")
            self.daemon.http("GET", "/nothing-here")
        self.assertLess(len(self.lines()) - before, 20)


class Reload(DaemonCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good = cls.daemon.config.read_text()

    def reload(self, text):
        before = len(self.daemon.log())
        self.daemon.config.write_text(text)
        self.daemon.reload()
        harness.wait_until(lambda: len(self.daemon.log()) > before, 10, "a line about the reload")

    def has(self, source):
        return self.daemon.http("POST", "/v1/hooks/" + source, [])[0] != 404

    def test_a_reload_takes_the_new_and_drops_no_client(self):
        clients = [self.client() for _ in range(3)]
        self.assertFalse(self.has("added"))
        self.reload(
            self.good
            + wire.NATIVE.replace('"cloud"', '"added"')
            + '[[user]]\norg = "acme"\nid = "dave"\nextensions = ["104"]\n'
        )
        harness.wait_until(lambda: self.has("added"), 10, "the new source is there")
        self.post(wire.facts_of_call("re-1", ext="104"), source="added")
        for client in clients:
            end = client.wait_for(lambda e: e["type"] == "call.ended", 5)
            self.assertIn("dave", [leg.get("user") for leg in end["data"]["call"]["legs"]])
            self.assertIsNone(client.close_code)
        self.reload(self.good)
        harness.wait_until(lambda: not self.has("added"), 10, "what was taken out is gone")
        self.assertTrue(self.has("cloud"))

    def test_a_reload_of_a_wrong_file_changes_nothing_and_says_why(self):
        client = self.client()
        self.reload(
            self.good
            + wire.NATIVE.replace('"cloud"', '"half"')
            + '[http]\nheader_time_ms = "soon"\n'
        )
        self.assertFalse(self.has("half"), "all or nothing")
        self.post(wire.facts_of_call("re-2"))
        client.wait_for(lambda e: e["type"] == "call.ended", 5)
        self.assertIsNone(client.close_code)
        self.assertRegex(self.daemon.log(), r"hookswitch\.toml:\d+:\d+: \S*header_time_ms")
        self.assertIsNone(self.daemon.process.poll())
        self.reload(self.good)

    def test_many_reloads_at_once_do_no_harm(self):
        client = self.client()
        for _ in range(50):
            self.daemon.reload()
        client.ping()
        self.post(wire.facts_of_call("re-3"))
        client.wait_for(lambda e: e["type"] == "call.ended", 5)


class Notify(unittest.TestCase):
    """What systemd hears, by a datagram socket of our own."""

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="hookswitch-"))
        self.socket = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.socket.bind(folder + "/notify")
        self.heard = []
        with mock.patch.dict(
            os.environ, {"NOTIFY_SOCKET": folder + "/notify", "WATCHDOG_USEC": "1000000"}
        ):
            self.daemon = self.enterContext(harness.Daemon(wire.NATIVE))

    def wait_for(self, line, seconds, count=1):
        """Until `line` was heard `count` more times; returns the datagram."""
        deadline = time.monotonic() + seconds
        while count:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                datagram = self.socket.recv(4096).decode().splitlines()
            except TimeoutError:
                self.fail("%s was not heard within %s s; heard: %s" % (line, seconds, self.heard))
            self.heard.append(datagram)
            count -= any(part.startswith(line) for part in datagram)
        return datagram

    def test_ready_watchdog_reload_and_stop(self):
        self.wait_for("READY=1", 5)
        self.assertEqual([d for d in self.heard if "READY=1" in d], [self.heard[-1]])
        started = time.monotonic()
        self.wait_for("WATCHDOG=1", 5, count=4)
        self.assertLess(time.monotonic() - started, 4, "at least twice in the time of the watchdog")
        self.daemon.reload()
        reloading = self.wait_for("RELOADING=1", 5)
        told = next(int(p.partition("=")[2]) for p in reloading if p.startswith("MONOTONIC_USEC="))
        self.assertAlmostEqual(told / 1e6, time.clock_gettime(time.CLOCK_MONOTONIC), delta=5)
        self.wait_for("READY=1", 5)
        self.daemon.process.send_signal(signal.SIGTERM)
        self.wait_for("STOPPING=1", 5)
        self.assertEqual(self.daemon.process.wait(5), 0)
        self.daemon.start()  # for the harness to stop; the socket is no longer named

    def test_a_daemon_that_hangs_is_silent(self):
        self.wait_for("WATCHDOG=1", 5)
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            self.socket.settimeout(0.0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.socket.recv(4096)
            self.socket.settimeout(2.0)
            with self.assertRaises(TimeoutError):
                self.socket.recv(4096)
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        self.wait_for("WATCHDOG=1", 5)

    def test_ready_means_that_it_answers(self):
        """Started again with a socket of its own, so that the moment of READY can be caught."""
        self.daemon.stop()
        with contextlib.suppress(BlockingIOError):
            self.socket.settimeout(0.0)
            while True:
                self.socket.recv(4096)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": self.socket.getsockname(),
            "WATCHDOG_USEC": "1000000",
        }
        with open(self.daemon.folder / "daemon.log", "ab") as log:
            self.daemon.process = subprocess.Popen(
                [self.daemon.binary, "serve", "--config", self.daemon.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )
        self.wait_for("READY=1", 20)
        self.assertEqual(self.daemon.http("GET", "/readyz")[0], 200)
        self.assertEqual(
            self.daemon.http("POST", "/v1/hooks/cloud", wire.facts_of_call("ready-1"))[0], 200
        )


class Listeners(unittest.TestCase):
    def test_a_listener_serves_its_parts_only(self):
        hooks = harness.free_tcp_port()
        extra = '[[listen]]\naddress = "127.0.0.1:%d"\nparts = ["hooks"]\n' % hooks
        with harness.Daemon(extra + wire.NATIVE) as daemon:
            connection = http.client.HTTPConnection("127.0.0.1", hooks, timeout=10)
            self.addCleanup(connection.close)

            def status(method, path, body=None, headers=None):
                connection.request(method, path, body, headers or {})
                answer = connection.getresponse()
                answer.read()
                return answer.status

            fact = json.dumps(wire.facts_of_call("parts-1"))
            self.assertEqual(
                status("POST", "/v1/hooks/cloud", fact, {"Content-Type": "application/json"}), 200
            )
            for path in ("/", "/metrics", "/readyz", "/v1/calls", "/v1/events", "/hookswitch.js"):
                self.assertEqual(status("GET", path), 404, path)
            self.assertEqual(daemon.http("GET", "/metrics")[0], 200, "the other has all")

    def test_open_files_are_raised_to_what_the_system_allows(self):
        import resource

        was, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))  # what the daemon is started with
        try:
            with harness.Daemon(wire.NATIVE) as daemon:
                limits = pathlib.Path("/proc/%d/limits" % daemon.process.pid).read_text()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (was, hard))
        soft = re.search(r"Max open files\s+(\S+)", limits).group(1)
        self.assertEqual(soft, "unlimited" if hard == resource.RLIM_INFINITY else str(hard))


class FewOpenFiles(unittest.TestCase):
    def start(self, connections_max):
        daemon = harness.Daemon("[http]\nconnections_max = %d\n" % connections_max)
        self.addCleanup(shutil.rmtree, daemon.folder, True)
        with open(daemon.folder / "daemon.log", "ab") as log:
            daemon.process = subprocess.Popen(
                ["bash", "-c", "ulimit -n 256; exec %s serve --config %s" % (daemon.binary, daemon.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(lambda: daemon.process.poll() is None and daemon.kill())
        daemon.wait_ready()
        return daemon

    @staticmethod
    def is_closed(sock):
        try:
            return sock.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True

    def test_more_connections_than_files_are_lowered_by_name_and_turned_away(self):
        daemon = self.start(1000)
        self.assertRegex(
            daemon.log(), r"<4>connections_max_lowered connections_max=1000 possible=205 why=\S+"
        )
        sockets = []
        self.addCleanup(lambda: [sock.close() for sock in sockets])
        for _ in range(204):
            sockets.append(socket.create_connection(("127.0.0.1", daemon.port), 10))
        harness.wait_until(
            lambda: wire.total(daemon, "http_connections") >= 204, 10, "all are taken")
        late = [socket.create_connection(("127.0.0.1", daemon.port), 10) for _ in range(60)]
        for sock in late:
            sock.setblocking(False)
        sockets += late  # together more than there are files; one may find a place, for our look
        harness.wait_until(
            lambda: sum(map(self.is_closed, late)) >= 59, 10, "the others are turned away")
        for sock in sockets[:60]:
            sock.close()
        harness.wait_until(
            lambda: wire.total(daemon, "http_turned_away") >= 59, 10, "they are counted")
        self.assertEqual(wire.total(daemon, "http_accept_errors"), 0)
        daemon.stop()

    def test_as_many_as_there_is_room_for_are_no_cause_for_a_warning(self):
        daemon = self.start(205)
        self.assertNotIn("connections_max_lowered", daemon.log())
        daemon.stop()


class Budget(DaemonCase):
    TOML = wire.NATIVE + "facts_per_second = 2\n" + wire.NATIVE.replace('"cloud"', '"calm"')

    def test_beyond_its_budget_a_source_is_told_when_to_come_back_and_others_are_not_held(self):
        refused = 0
        for i in range(20):
            status, headers, body = self.daemon.http(
                "POST", "/v1/hooks/cloud", wire.facts_of_call("budget-%d" % i)
            )
            if status == 503:
                refused += 1
                self.assertGreater(int(headers["Retry-After"]), 0)
                self.assertEqual(json.loads(body)["code"], "overload")
            self.post(wire.facts_of_call("calm-%d" % i), source="calm")
        self.assertGreater(refused, 10)
        self.assertEqual(wire.total(self.daemon, "refused", "cloud", "source_rate"), refused)
        self.assertEqual(wire.total(self.daemon, "refused", "calm"), 0)
        text = self.daemon.config.read_text()
        self.daemon.config.write_text(text.replace("facts_per_second = 2", "facts_per_second = 0"))
        self.daemon.reload()
        harness.wait_until(lambda: "reloaded" in self.daemon.log(), 10, "the reload")
        for i in range(20):
            self.post(wire.facts_of_call("free-%d" % i))


class Stop(unittest.TestCase):
    def test_within_five_seconds_under_load_with_clients_that_do_not_read(self):
        """What was acknowledged has been told to those who read, then 1012; exit status 0."""
        daemon = self.enterContext(harness.Daemon(wire.NATIVE))
        clients = [harness.Client(daemon, wire.token("alice", "events:org")) for _ in range(3)]
        self.addCleanup(lambda: [client.close() for client in clients])
        stuck = [self.stuck_client(daemon) for _ in range(20)]
        acknowledged, refused, stop = [], [], threading.Event()

        def post(number):
            for count in range(1_000_000):
                if stop.is_set():
                    return
                call = "stop-%d-%d" % (number, count)
                fact = {"type": "ringing", "ids": {"call": [call]}, "agent": {"ext": "101"},
                        "custom_data": "x" * 1500}
                try:
                    status = daemon.http("POST", "/v1/hooks/cloud", fact)[0]
                except OSError:
                    return
                except http.client.HTTPException:
                    return
                (acknowledged if status == 200 else refused).append(call)

        posters = [threading.Thread(target=post, args=(number,)) for number in range(4)]
        for poster in posters:
            poster.start()
        harness.wait_until(lambda: len(acknowledged) > 300, 30, "some load")
        started = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.process.wait(10), 0)
        took = time.monotonic() - started
        stop.set()
        for poster in posters:
            poster.join(10)
        self.assertLess(took, 5)
        for client in clients:
            harness.wait_until(lambda: client.close_code is not None, 5, "the close frame")
            self.assertEqual(client.close_code, 1012)
            told = {call for event in client.events if event["type"] == "call.ringing"
                    for call in wire.vendor_ids(event["data"]["call"])}
            self.assertEqual(set(acknowledged) - told, set(), "told before it was closed")
        self.assertEqual(len(stuck), 20)
        daemon.start()  # for the harness to stop
        self.assertNotIn("damaged", daemon.log())

    def stuck_client(self, daemon):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.addCleanup(sock.close)
        sock.connect(("127.0.0.1", daemon.port))
        sock.sendall(
            b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % daemon.port
        )
        self.assertIn(b" 101 ", sock.recv(1024))
        hello = json.dumps({"op": "hello", "token": wire.token("alice", "events:org")}).encode()
        sock.sendall(b"\x81\xfe" + len(hello).to_bytes(2, "big") + bytes(4) + hello)
        return sock


class SocketActivation(unittest.TestCase):
    """The test holds the listening socket as systemd does with a socket unit."""

    def setUp(self):
        self.listening = self.enterContext(socket.socket())
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(4096)
        self.daemon = harness.Daemon(wire.NATIVE)
        self.addCleanup(shutil.rmtree, self.daemon.folder, True)
        text = self.daemon.config.read_text().replace(
            ":%d" % self.daemon.port, ":%d" % self.listening.getsockname()[1]
        )
        self.daemon.config.write_text(text)
        self.daemon.port = self.listening.getsockname()[1]

    def start(self, config=None):
        """As systemd does: the socket at descriptor 3, and $LISTEN_PID of the process itself."""
        fd = self.listening.fileno()
        script = "exec 3<&%d; [ %d = 3 ] || exec %d<&-; LISTEN_FDS=1 LISTEN_PID=$$ exec %s serve --config %s" % (
            fd, fd, fd, self.daemon.binary, config or self.daemon.config)
        with open(self.daemon.folder / "daemon.log", "ab") as log:
            process = subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, pass_fds=[fd])
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def test_a_restart_refuses_no_connection(self):
        self.daemon.process = self.start()
        self.daemon.wait_ready()
        problems, answered, done = [], [], threading.Event()

        def knock():
            while not done.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", self.daemon.port), 20) as sock:
                        # Only what was cut in the middle may be asked again; nobody is refused.
                        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                                         b"Connection: close\r\n\r\n" % self.daemon.port)
                            answer = sock.recv(4096)
                            if answer:
                                answered.append(answer[:12])
                except OSError as problem:
                    problems.append(repr(problem))
                    return

        knockers = [threading.Thread(target=knock) for _ in range(4)]
        for knocker in knockers:
            knocker.start()
        try:
            for _ in range(3):
                seen = len(answered)
                harness.wait_until(lambda: len(answered) > seen + 50, 20, "answers")
                self.daemon.process.send_signal(signal.SIGTERM)
                self.assertEqual(self.daemon.process.wait(10), 0)
                seen = len(answered)
                self.daemon.process = self.start()
                harness.wait_until(lambda: len(answered) > seen + 50, 20, "answers again")
        finally:
            done.set()
            for knocker in knockers:
                knocker.join(30)
        self.assertEqual(problems, [])
        # Who came in just before the end is told to come again (503), and is not cut off.
        self.assertIn(b"HTTP/1.1 200", answered)
        self.assertLessEqual(set(answered), {b"HTTP/1.1 200", b"HTTP/1.1 503"})
        self.daemon.stop()

    def test_children_do_not_have_the_socket(self):
        with open(self.daemon.config, "a") as config:
            config.write('[[source]]\nname = "hq"\norg = "acme"\nkind = "sip"\n'
                         'server = "sip:127.0.0.1:9"\nwatch = ["101"]\n')
        self.daemon.process = self.start()
        children = harness.wait_until(self.daemon.children, 20, "the SIP process")
        inode = "socket:[%d]" % os.fstat(self.listening.fileno()).st_ino
        for pid in children:
            links = [os.readlink(fd) for fd in pathlib.Path("/proc/%d/fd" % pid).iterdir()]
            self.assertNotIn(inode, links)
            variables = pathlib.Path("/proc/%d/environ" % pid).read_bytes()
            self.assertNotIn(b"LISTEN_", variables)
        self.daemon.wait_ready()
        self.daemon.stop()

    def test_a_socket_that_no_listener_names_is_a_problem_of_the_configuration(self):
        path = self.daemon.folder / "other.toml"
        path.write_text(
            self.daemon.config.read_text().replace(
                ":%d" % self.daemon.port, ":%d" % harness.free_tcp_port()
            )
        )
        process = self.start(path)
        self.assertEqual(process.wait(10), 78)
        self.assertIn(":%d" % self.daemon.port, self.daemon.log())


class Tools(DaemonCase):
    def start(self, *arguments):
        process = subprocess.Popen(
            [BINARY, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()

        self.addCleanup(end)
        return process

    def test_tail_prints_each_event_as_a_line_of_json_until_it_is_killed(self):
        client = self.client()
        tail = self.start("tail", "--config", self.daemon.config, "--org", "acme")
        lines = []
        reader = threading.Thread(
            target=lambda: [lines.append(line) for line in tail.stdout], daemon=True
        )
        reader.start()
        count = 0

        def heard():  # tail says nothing when it begins: play calls until it prints
            nonlocal count
            count += 1
            self.post(wire.facts_of_call("tail-%d" % count))
            time.sleep(0.2)
            return any('"call.ended"' in line for line in lines)

        harness.wait_until(heard, 20, "tail prints an event")
        self.post(wire.facts_of_call("tail-last"))
        harness.wait_until(
            lambda: any("tail-last" in line and '"call.ended"' in line for line in lines),
            5,
            "tail prints the last event",
        )
        self.assertIsNone(tail.poll(), "it goes on")
        tail.send_signal(signal.SIGTERM)
        self.assertIn(tail.wait(5), (0, -signal.SIGTERM, 128 + signal.SIGTERM))
        reader.join(5)
        events = [json.loads(line) for line in lines]
        self.assertEqual(wire.contract_problems(events), [])
        client.ping()
        self.assertEqual(events, client.events[-len(events) :])

    def test_simulate_makes_whole_calls_without_a_phone(self):
        client = self.client()
        seen = len(client.events)
        simulate = self.start(
            "simulate", "--config", self.daemon.config, "--source", "cloud", "--calls", "2"
        )
        out, err = simulate.communicate(timeout=60)
        self.assertEqual(simulate.returncode, 0, out + err)
        harness.wait_until(
            lambda: wire.types_of(client.events[seen:]).count("call.ended") >= 2,
            10,
            "two calls have ended",
        )
        events = client.events[seen:]
        self.assertEqual(wire.history_problems(events), [])
        self.assertEqual(wire.contract_problems(client.frames), [])
        self.assertGreaterEqual(len({e["subject"] for e in events}), 2)

    def test_tools_say_when_there_is_no_daemon(self):
        path = self.daemon.folder / "other.toml"
        path.write_text(
            self.daemon.config.read_text().replace(
                ":%d" % self.daemon.port, ":%d" % harness.free_tcp_port()
            )
        )
        for arguments in (
            ("tail", "--config", path, "--org", "acme"),
            ("simulate", "--config", path, "--source", "cloud", "--calls", "1"),
        ):
            result = run(*arguments)
            self.assertEqual(result.returncode, 1, arguments[0])
            self.assertNotEqual(result.stderr, "")


if __name__ == "__main__":
    unittest.main()
