#!/usr/bin/env python3
"""Leases over real sockets: one tab of a user is enabled for calls, each call is popped once,
whoever dies."""
import pathlib
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import wire  # noqa: E402

CONFIG = (
    wire.NATIVE
    + """
[[client]]
id = "crm"
org = "acme"
dialect = "rc-embeddable"
origins = ["http://127.0.0.1:*"]
"""
)
HAND_OVER_S = 2

# A tab in a process of its own, to be killed: says its frames' holders, then waits for ever.
TAB = """
import sys, time
sys.path[:0] = %r
import harness, types
client = harness.Client(types.SimpleNamespace(port=%d), %r,
    hello={"tab": {"id": "killed", "visible": True, "focused": True}})
client.wait_for_frame(lambda f: f.get("holder") == "killed", 10)
print("holds", flush=True)
time.sleep(600)
"""


def token_of(frame):
    return frame["token"]


class LeaseCase(unittest.TestCase):
    def setUp(self):
        self.daemon = self.enterContext(harness.Daemon(CONFIG))

    def tab(self, name=None, focused=False, user="alice", **more):
        tab = {"tab": {"id": name, "visible": focused, "focused": focused}} if name else {}
        client = harness.Client(self.daemon, wire.token(user, "events:own"), hello=tab, **more)
        self.addCleanup(client.close)
        return client

    def lease(self, client, purpose="calls", holder=None, after=0, seconds=HAND_OVER_S):
        """The first such frame with a token above `after`."""
        return client.wait_for_frame(
            lambda f: f.get("op") == "lease"
            and f["purpose"] == purpose
            and (holder is None or f["holder"] == holder)
            and f["token"] > after,
            seconds,
        )

    def ask(self, client, request_id, name, token=None, **params):
        frame = {"op": "command", "id": request_id, "name": name, "params": params}
        client.send(frame | ({"lease_token": token} if token is not None else {}))
        return client.wait_for_frame(
            lambda f: f.get("op") == "reply" and f["id"] == request_id, 10
        )

    def ring(self, vendor_id):
        for fact in wire.facts_of_call(vendor_id, types=("started", "ringing")):
            self.assertEqual(self.daemon.http("POST", "/v1/hooks/cloud", fact)[0], 200)

    def test_focus_commands_and_closing_move_it_for_every_connection(self):
        a, b, plain = self.tab("a"), self.tab("b"), self.tab()
        page = self.tab("p", protocol="rc-embeddable")
        first = self.lease(plain, holder="a")
        b.send({"op": "focus", "visible": True, "focused": True})
        second = self.lease(plain, holder="b", after=token_of(first))
        self.lease(page, holder="b", after=token_of(first))
        self.assertTrue(self.ask(a, "r", "enable_current_tab")["ok"])
        third = self.lease(page, holder="a", after=token_of(second))
        refused = self.ask(b, "r", "hold", token=token_of(second), call_id="x")
        self.assertEqual(refused["code"], "lease_stale")
        a.close()
        self.lease(plain, holder="b", after=token_of(third))
        self.assertEqual(wire.contract_problems(plain.frames + b.frames), [])

    def test_a_holder_killed_by_the_kernel_is_followed_within_two_seconds(self):
        other = self.tab("other")
        script = TAB % (sys.path[:2], self.daemon.port, wire.token("alice", "events:own"))
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            try:
                self.assertEqual(process.stdout.readline(), b"holds\n")
                held = self.lease(other, holder="killed")
                self.ring("k1")
                pop = other.wait_for_frame(
                    lambda f: f.get("op") == "lease" and f["purpose"].startswith("pop:"), 5
                )
                self.assertEqual(pop["holder"], "killed")
            finally:
                process.kill()
                killed_at = time.monotonic()
        self.lease(other, holder="other", after=token_of(held))
        heir = self.lease(other, pop["purpose"], "other", token_of(pop))
        self.assertLess(time.monotonic() - killed_at, HAND_OVER_S)
        call = pop["purpose"].removeprefix("pop:")
        stale = self.ask(other, "r1", "open_pop", token_of(pop), call_id=call)
        self.assertEqual(stale["code"], "lease_stale")
        self.assertTrue(self.ask(other, "r2", "open_pop", token_of(heir), call_id=call)["ok"])

    def test_tokens_grow_over_a_crash_and_a_restart(self):
        last = 0
        for end in (self.daemon.kill, self.daemon.stop, None):
            a, b = self.tab("a"), self.tab("b")
            frame = self.lease(a, holder="a", after=last)
            b.send({"op": "focus", "visible": True, "focused": True})
            last = token_of(self.lease(a, holder="b", after=token_of(frame)))
            self.assertLess(last, 2**53)
            if end:
                end()
                self.daemon.start()

    def test_eight_tabs_pop_each_of_forty_calls_once(self):
        tabs = [self.tab("t%d" % i) for i in range(8)]
        done, lock = {}, threading.Lock()
        closing = threading.Event()

        def work(client, name, dies_after):
            """A page: opens the pops that it holds, and now and then vanishes before it could."""
            seen = opened = 0
            while not closing.is_set():
                frames = client.frames[seen:]
                seen += len(frames)
                for frame in frames:
                    purpose = frame.get("purpose", "")
                    if not purpose.startswith("pop:") or frame["holder"] != name:
                        continue
                    if opened == dies_after:
                        return client.close()
                    opened += 1
                    call = purpose.removeprefix("pop:")
                    request = "%s-%d" % (purpose, frame["token"])
                    if self.ask(client, request, "open_pop", token_of(frame), call_id=call)["ok"]:
                        with lock:
                            done[call] = done.get(call, 0) + 1
                time.sleep(0.005)

        threads = [
            threading.Thread(target=work, args=(client, "t%d" % i, 5 if i < 6 else None))
            for i, client in enumerate(tabs)
        ]
        for thread in threads:
            thread.start()
        try:
            for i in range(40):
                self.ring("forty-%d" % i)
                if i % 5 == 0:  # people turn from tab to tab
                    tabs[7].send({"op": "focus", "visible": True, "focused": i % 10 == 0})
            harness.wait_until(lambda: len(done) >= 40, 20, "every call is popped")
        finally:
            closing.set()
            for thread in threads:
                thread.join(10)
        self.assertEqual(sorted(done.values()), [1] * 40)
        metrics = self.daemon.http("GET", "/metrics")[2].decode()
        self.assertIn("\nhookswitch_pops_total 40\n", metrics)


if __name__ == "__main__":
    unittest.main()
