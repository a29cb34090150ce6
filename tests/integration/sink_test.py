#!/usr/bin/env python3
"""Outgoing webhooks: what matches is posted at least once, signed, in order per call, with stable
ids; a receiver that fails, hangs, redirects or is gone costs nobody else anything."""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import wire  # noqa: E402

KEY = bytes(range(32))
OLD_KEY = bytes(range(100, 132))
SECRETS = {
    "sink.secret": "whsec_" + base64.b64encode(KEY).decode(),
    "old.secret": "whsec_" + base64.b64encode(OLD_KEY).decode(),
}
QUICK = """
backoff_ms = 20
backoff_max_ms = 200
timeout_ms = 1000
"""


def sink(port, name="crm", more="", host="127.0.0.1", guard='allow_private = ["127.0.0.0/8"]'):
    return """
[[sink]]
name = "%s"
org = "acme"
kind = "webhook"
url = "http://%s:%d/in/%s"
secret_file = "sink.secret"
%s
%s
%s""" % (name, host, port, name, guard, QUICK, more)


class Receiver:
    """An HTTP server that keeps what was posted. `answer(post)` gives a status, (status, headers),
    or None to hang until the connection is cut; what was answered 2xx is in `taken`."""

    def __init__(self, answer=lambda post: 200, port=0, before=None, tls=None):
        self.answer = answer
        self.posts, self.taken = (before.posts, before.taken) if before else ([], [])
        self.changed = threading.Condition()
        self.over = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                post = {"path": self.path, "headers": dict(self.headers), "body": body}
                post["headers"] = {k.lower(): v for k, v in self.headers.items()}
                with receiver.changed:
                    receiver.posts.append(post)
                    receiver.changed.notify_all()
                status = receiver.answer(post)
                if status is None:
                    receiver.over.wait(20)
                    self.close_connection = True
                    return
                status, headers = status if isinstance(status, tuple) else (status, {})
                if 200 <= status < 300:
                    with receiver.changed:
                        receiver.taken.append(post)
                        receiver.changed.notify_all()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        if self.over.is_set():
            return
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def wait(self, condition, seconds, what):
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise AssertionError(
                    "%s: not within %s s; posts %d, taken %s"
                    % (what, seconds, len(self.posts), [json.loads(p["body"]).get("type") for p in self.taken])
                )

    def wait_for_type(self, kind, vendor_id, seconds=10):
        def there():
            return any(
                json.loads(p["body"])["type"] == kind and vendor_id in p["body"].decode()
                for p in self.taken
            )

        self.wait(there, seconds, "%s of %s" % (kind, vendor_id))


def signed_by(post, key):
    """As the Standard Webhooks specification says, written without looking at the daemon."""
    text = b"%s.%s.%s" % (
        post["headers"]["webhook-id"].encode(),
        post["headers"]["webhook-timestamp"].encode(),
        post["body"],
    )
    wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return wanted in post["headers"]["webhook-signature"].split(" ")


def metric(daemon, name, **labels):
    want = "{%s}" % ",".join('%s="%s"' % pair for pair in labels.items()) if labels else ""
    for line in daemon.http("GET", "/metrics")[2].decode().splitlines():
        if line.startswith("hookswitch_" + name + want + " "):
            return int(line.rpartition(" ")[2])
    return 0


class SinkCase(unittest.TestCase):
    def start(self, toml, answer=lambda post: 200, receiver=None):
        self.receiver = receiver or Receiver(answer)
        self.addCleanup(self.receiver.close)
        if callable(toml):
            toml = toml(self.receiver.port)
        self.daemon = self.enterContext(harness.Daemon(wire.NATIVE + toml, SECRETS))
        return self.daemon

    def call(self, vendor_id, **more):
        for fact in wire.facts_of_call(vendor_id, **more):
            status, _, body = self.daemon.http("POST", "/v1/hooks/cloud", fact)
            self.assertEqual((status, body), (200, b""))

    def events(self):
        """All events of the organisation, as a client is told them."""
        client = harness.Client(
            self.daemon, wire.token("alice", "events:org"), since=self.begin
        )
        self.addCleanup(client.close)
        client.ping()
        return client.events

    def admin(self, method, path, body=None):
        return self.daemon.json(method, path, body, wire.token("alice", "admin"))

    def state(self, name="crm"):
        return next(s for s in self.admin("GET", "/v1/sinks")["sinks"] if s["name"] == name)

    def check_posts(self, posts, keys=(KEY,)):
        """Signatures, and one id for one event whatever the attempt."""
        ids = {}
        for post in posts:
            for key in keys:
                self.assertTrue(signed_by(post, key))
            event = json.loads(post["body"])
            self.assertEqual(ids.setdefault(post["headers"]["webhook-id"], event), event)
            self.assertNotIn(".", post["headers"]["webhook-id"])
            self.assertLess(abs(int(post["headers"]["webhook-timestamp"]) - time.time()), 30)
        cursors = {}
        for name, event in ids.items():
            self.assertEqual(cursors.setdefault(event["cursor"], name), name)

    def check_order(self, posts):
        """Of one call, no event is taken before an earlier one was taken for the first time."""
        seen = {}
        for post in posts:
            event = json.loads(post["body"])
            offset = harness.cursor_offset(event)
            known = seen.setdefault(event.get("subject", event["source"]), [])
            if offset not in known:
                self.assertEqual(sorted(known), known)
                self.assertTrue(not known or offset > known[-1], (known, offset))
                known.append(offset)

    def check_all_told(self, posts, events):
        told = {json.loads(p["body"])["cursor"]: json.loads(p["body"]) for p in posts}
        for event in events:
            self.assertTrue(event["cursor"] in told, (event["type"], event["cursor"]))
            self.assertEqual(told[event["cursor"]], event)


class Delivery(SinkCase):
    def test_every_event_is_posted_signed_and_in_order(self):
        self.start(lambda port: sink(port))
        self.begin = self.state()["cursor"]
        for i in range(20):
            self.call("s-%d" % i)
        for i in range(20):
            self.receiver.wait_for_type("call.ended", "s-%d" % i)
        events = self.events()
        self.assertGreater(len(events), 60)
        self.check_posts(self.receiver.posts)
        self.check_order(self.receiver.taken)
        self.check_all_told(self.receiver.taken, events)
        self.assertEqual(len(self.receiver.posts), len(events))
        self.assertEqual(self.receiver.posts[0]["path"], "/in/crm")
        self.assertEqual(
            self.receiver.posts[0]["headers"]["content-type"], "application/cloudevents+json"
        )
        harness.wait_until(lambda: self.state()["behind"] == 0, 5, "nothing is behind")
        self.assertEqual(metric(self.daemon, "sink_accepted_total", sink="crm"), len(events))

    def test_while_a_key_is_replaced_both_sign(self):
        self.start(lambda port: sink(port, more='previous_secret_file = "old.secret"'))
        self.call("k-1")
        self.receiver.wait_for_type("call.ended", "k-1")
        self.check_posts(self.receiver.posts, (KEY, OLD_KEY))

    def test_a_filter_selects(self):
        self.start(
            lambda port: sink(port, more='filter = { types = ["call.ended"], ext = ["102"] }')
        )
        self.call("f-1", ext="101")
        self.call("f-2", ext="102")
        self.receiver.wait_for_type("call.ended", "f-2")
        harness.wait_until(lambda: self.state()["behind"] == 0, 5, "nothing is behind")
        types = [json.loads(p["body"])["type"] for p in self.receiver.posts]
        self.assertEqual(types, ["call.ended"])

    def test_the_elma365_shape_is_what_the_vendors_script_reads(self):
        self.start(lambda port: sink(port, more='shape = "elma365"'))
        self.call("e-1")
        self.receiver.wait(
            lambda: any(b"notify_end" in p["body"] for p in self.receiver.taken), 10, "the end"
        )
        bodies = [json.loads(p["body"]) for p in self.receiver.taken]
        self.assertEqual(
            [b["event"] for b in bodies], ["notify_start", "notify_answer", "notify_end"]
        )
        self.assertEqual(
            {(b["srcPhone"], b["dstPhone"], b["direction"]) for b in bodies},
            {("+12025550143", "101", "in")},
        )
        self.assertEqual(len({b["callId"] for b in bodies}), 1)
        self.assertEqual(
            [b["disposition"] for b in bodies], ["unknown", "answered", "answered"]
        )


class Failures(SinkCase):
    def test_what_is_not_2xx_comes_again_and_a_redirect_is_not_followed(self):
        elsewhere = Receiver()
        self.addCleanup(elsewhere.close)
        refusals = [500, 404, 503, (302, {"Location": "http://127.0.0.1:%d/" % elsewhere.port})]

        def answer(post):
            return refusals.pop(0) if refusals else 200

        self.start(lambda port: sink(port), answer)
        self.begin = self.state()["cursor"]
        self.call("r-1")
        self.receiver.wait_for_type("call.ended", "r-1")
        self.check_posts(self.receiver.posts)
        self.check_order(self.receiver.taken)
        self.check_all_told(self.receiver.taken, self.events())
        self.assertEqual(elsewhere.posts, [])
        first = [p["headers"]["webhook-id"] for p in self.receiver.posts[:5]]
        self.assertEqual(len(set(first)), 1, "the next event of a call waits for the last")

    def test_one_call_that_is_refused_holds_up_no_other(self):
        def answer(post):
            return 400 if b"poison" in post["body"] else 200

        self.start(lambda port: sink(port, more="attempts = 4"), answer)
        self.begin = self.state()["cursor"]
        self.call("poison-1")
        for i in range(10):
            self.call("good-%d" % i)
        for i in range(10):
            self.receiver.wait_for_type("call.ended", "good-%d" % i)
        # What is given up is kept, with its reason, and lets the next one of its call go.
        harness.wait_until(lambda: self.state()["behind"] == 0, 15, "all is dealt with")
        letters = self.admin("GET", "/v1/sinks/crm/letters")["letters"]
        poison = [e for e in self.events() if "poison" in json.dumps(e)]
        self.assertEqual([json.loads(l["body"]) for l in letters], poison)
        self.assertEqual({l["reason"] for l in letters}, {"status 400"})
        self.assertEqual({l["attempts"] for l in letters}, {4})
        self.assertEqual(self.state()["dead_letters"], len(poison))
        # Once more, now that the receiver can.
        self.receiver.answer = lambda post: 200
        answer = self.admin("POST", "/v1/sinks/crm/redeliver", {"ids": [letters[0]["id"]]})
        self.assertEqual(answer, {"letters": 1})
        harness.wait_until(
            lambda: self.state()["dead_letters"] == len(poison) - 1, 5, "one letter less"
        )
        run = subprocess.run(
            [self.daemon.binary, "sink", "redeliver", "crm", "--config", self.daemon.config],
            capture_output=True, text=True, timeout=10,
        )
        self.assertEqual((run.returncode, json.loads(run.stdout)), (0, {"letters": len(poison) - 1}))
        harness.wait_until(lambda: self.state()["dead_letters"] == 0, 5, "no letter left")
        taken = [p for p in self.receiver.taken if b"poison" in p["body"]]
        self.check_posts(taken)
        self.check_all_told(taken, poison)

    def test_a_receiver_that_hangs_is_left_after_the_timeout(self):
        hanging = [True]
        self.start(lambda port: sink(port) + sink(port, "other"),
                   lambda post: None if hanging[0] and post["path"] == "/in/crm" else 200)
        self.begin = self.state()["cursor"]
        for i in range(12):
            self.call("h-%d" % i)
        # The other sink is told at once, and so are clients.
        for i in range(12):
            self.receiver.wait_for_type("call.ended", "h-%d" % i)
        harness.wait_until(lambda: self.state()["state"] == "failing", 10, "it is seen to hang")
        self.assertEqual(self.state()["last_failure"]["reason"], "timed_out")
        hanging[0] = False
        harness.wait_until(lambda: self.state()["behind"] == 0, 15, "it catches up")
        mine = [p for p in self.receiver.taken if p["path"] == "/in/crm"]
        self.check_order(mine)
        self.check_all_told(mine, self.events())

    def test_gone_ends_it_until_a_reload(self):
        self.start(lambda port: sink(port), lambda post: 410)
        self.begin = self.state()["cursor"]
        self.call("g-1")
        harness.wait_until(lambda: self.state()["state"] == "disabled", 5, "disabled")
        posts = len(self.receiver.posts)
        self.assertEqual(metric(self.daemon, "sink_disabled", sink="crm"), 1)
        self.call("g-2")
        self.receiver.answer = lambda post: 200
        self.assertEqual(len(self.receiver.posts), posts)
        self.daemon.reload()
        self.receiver.wait_for_type("call.ended", "g-2")
        harness.wait_until(lambda: self.state()["behind"] == 0, 5, "nothing is behind")
        self.check_all_told(self.receiver.taken, self.events())

    def test_retry_after_is_waited_for(self):
        said = []

        def answer(post):
            said.append(time.monotonic())
            return (429, {"Retry-After": "2"}) if len(said) == 1 else 200

        self.start(lambda port: sink(port), answer)
        self.call("w-1")
        self.receiver.wait_for_type("call.ended", "w-1")
        self.assertGreaterEqual(said[1] - said[0], 1.9)


class Restarts(SinkCase):
    def test_kill_and_receivers_restart_lose_nothing(self):
        self.start(lambda port: sink(port, more="attempts = 100"))
        self.begin = self.state()["cursor"]
        port = self.receiver.port
        for i in range(10):
            self.call("a-%d" % i)
        self.daemon.kill()
        self.daemon.start()
        for i in range(10):
            self.call("b-%d" % i)
        self.receiver.close()
        for i in range(10):
            self.call("c-%d" % i)
        self.daemon.kill()
        self.daemon.start()
        for i in range(10):
            self.call("d-%d" % i)
        self.receiver = Receiver(port=port, before=self.receiver)
        self.addCleanup(self.receiver.close)
        harness.wait_until(lambda: self.state()["behind"] == 0, 20, "it catches up")
        events = self.events()
        self.check_posts(self.receiver.posts)
        self.check_order(self.receiver.taken)
        self.check_all_told(self.receiver.taken, events)

    def test_an_orderly_restart_repeats_nothing(self):
        self.start(lambda port: sink(port))
        self.begin = self.state()["cursor"]
        self.call("o-1")
        self.receiver.wait_for_type("call.ended", "o-1")
        self.daemon.stop()
        self.daemon.start()
        self.call("o-2")
        self.receiver.wait_for_type("call.ended", "o-2")
        harness.wait_until(lambda: self.state()["behind"] == 0, 5, "nothing is behind")
        ids = [p["headers"]["webhook-id"] for p in self.receiver.posts]
        self.assertEqual(len(ids), len(set(ids)))
        self.check_all_told(self.receiver.taken, self.events())

    def test_a_reload_adds_and_removes_sinks(self):
        self.start(lambda port: sink(port))
        self.begin = self.state()["cursor"]
        config = self.daemon.config.read_text()
        self.daemon.config.write_text(config + sink(self.receiver.port, "late"))
        self.daemon.reload()
        names = lambda: [s["name"] for s in self.admin("GET", "/v1/sinks")["sinks"]
                         if s["cursor"]]
        harness.wait_until(lambda: names() == ["crm", "late"], 5, "the new sink")
        self.call("l-1")
        both = lambda: {p["path"] for p in self.receiver.taken if b"call.ended" in p["body"]}
        self.receiver.wait(lambda: both() == {"/in/crm", "/in/late"}, 10, "both are told")
        self.daemon.config.write_text(config)
        self.daemon.reload()
        harness.wait_until(lambda: names() == ["crm"], 5, "it is gone")
        posts = len(self.receiver.posts)
        self.call("l-2")
        self.receiver.wait_for_type("call.ended", "l-2")
        self.assertEqual({p["path"] for p in self.receiver.posts[posts:]}, {"/in/crm"})
        # Back again, it goes on where it was.
        self.daemon.config.write_text(config + sink(self.receiver.port, "late"))
        self.daemon.reload()
        self.receiver.wait(
            lambda: any(p["path"] == "/in/late" and b"l-2" in p["body"]
                        for p in self.receiver.taken), 10, "what it missed")

    def test_everything_after_a_cursor_is_posted_once_more(self):
        self.start(lambda port: sink(port))
        self.begin = self.state()["cursor"]
        self.call("p-1")
        self.receiver.wait_for_type("call.ended", "p-1")
        harness.wait_until(lambda: self.state()["behind"] == 0, 5, "nothing is behind")
        first = list(self.receiver.taken)
        self.assertEqual(self.admin("POST", "/v1/sinks/crm/replay", {"since": self.begin}),
                         {"since": self.begin})
        self.receiver.wait(lambda: len(self.receiver.taken) == 2 * len(first), 10, "all again")
        again = self.receiver.taken[len(first):]
        self.assertEqual([p["headers"]["webhook-id"] for p in again],
                         [p["headers"]["webhook-id"] for p in first])
        self.assertEqual([p["body"] for p in again], [p["body"] for p in first])
        admin = {"Authorization": "Bearer " + wire.token("alice", "admin")}
        for since, status in (("0.1", 410), ("nonsense", 400)):
            answer = self.daemon.http("POST", "/v1/sinks/crm/replay", {"since": since}, admin)
            self.assertEqual(answer[0], status)

    def test_a_history_that_was_lost_is_said_and_the_new_one_is_told(self):
        self.start(lambda port: sink(port))
        self.call("x-1")
        self.receiver.wait_for_type("call.ended", "x-1")
        self.daemon.stop()
        for file in self.daemon.folder.glob("journal.db*"):
            if file.is_file():
                file.unlink()
        self.daemon.start()
        self.call("x-2")
        self.receiver.wait_for_type("call.ended", "x-2")
        self.assertEqual(metric(self.daemon, "sink_gaps_total", sink="crm"), 1)
        self.assertIn("sink_gap", self.daemon.log())


class Tls(SinkCase):
    def test_a_receiver_must_prove_its_name(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out",
             folder / "ca.pem"],
            check=True, capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
        secure = Receiver(tls=context)
        self.addCleanup(secure.close)
        ca = 'ca_file = "%s"' % (folder / "ca.pem")
        of = lambda name, host, port, more: sink(port, name, more, host=host).replace(
            "http://", "https://")
        daemon = self.start(
            of("good", "localhost", secure.port, ca)
            + of("other-name", "127.0.0.1", secure.port, ca)
            + of("stranger", "localhost", secure.port, "")
            + of("plain", "localhost", receiver.port, ca),
            receiver=secure,
        )
        self.call("t-1")
        secure.wait_for_type("call.ended", "t-1")
        self.check_posts(secure.taken)
        self.assertEqual({p["path"] for p in secure.posts}, {"/in/good"})
        for name in ("other-name", "stranger", "plain"):
            harness.wait_until(lambda: self.state(name)["last_failure"], 5, name)
            self.assertEqual(self.state(name)["last_failure"]["reason"], "tls_failed", name)
        self.assertEqual(receiver.posts, [])


class Guards(SinkCase):
    def refused(self, toml):
        daemon = harness.Daemon(wire.NATIVE + toml, SECRETS)
        self.addCleanup(lambda: __import__("shutil").rmtree(daemon.folder))
        run = subprocess.run([daemon.binary, "check", "--config", daemon.config],
                             capture_output=True, text=True, timeout=10)
        return run.returncode, run.stderr

    def test_a_private_address_is_refused_unless_it_is_listed(self):
        for host in ("127.0.0.1", "10.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"):
            status, said = self.refused(sink(8080, host=host, guard=""))
            self.assertEqual(status, 78, host)
            self.assertRegex(said, r"hookswitch\.toml:\d+:\d+: sink\.url: is no public address")
        for host in ("0x7f000001", "2130706433", "127.1", "localhost.", "user@example.com"):
            status, said = self.refused(sink(8080, host=host, guard=""))
            self.assertEqual(status, 78, host)

    def test_a_name_that_leads_to_a_private_address_is_never_connected_to(self):
        self.start(lambda port: sink(port, host="localhost", guard=""))
        self.call("n-1")
        harness.wait_until(lambda: self.state()["last_failure"], 10, "a failure")
        self.assertEqual(self.state()["last_failure"]["reason"], "address_refused")
        self.assertEqual(self.receiver.posts, [])

    def test_a_sink_without_a_secret_is_refused(self):
        toml = sink(8080).replace('secret_file = "sink.secret"', "")
        status, said = self.refused(toml)
        self.assertEqual(status, 78)
        self.assertIn("sink.secret_file: is missing", said)
        self.assertEqual(self.refused(toml + "allow_unsigned = true\n")[0], 0)

    def test_only_an_administrator_of_the_organisation_may_look(self):
        self.start(lambda port: sink(port))
        for scope, status in (("events:org", 403), ("admin", 200)):
            token = {"Authorization": "Bearer " + wire.token("alice", scope)}
            self.assertEqual(self.daemon.http("GET", "/v1/sinks", headers=token)[0], status)
        self.assertEqual(self.daemon.http("GET", "/v1/sinks")[0], 401)
        admin = {"Authorization": "Bearer " + wire.token("alice", "admin")}
        self.assertEqual(self.daemon.http("GET", "/v1/sinks/nobody/letters", headers=admin)[0], 404)
        self.assertEqual(self.daemon.http("POST", "/v1/sinks", {}, admin)[0], 405)
        shown = json.dumps(self.state())
        self.assertNotIn("/in/", shown, "the path may hold a secret")


if __name__ == "__main__":
    unittest.main(verbosity=2)
