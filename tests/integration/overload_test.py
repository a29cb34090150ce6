#!/usr/bin/env python3
"""More than can be done: clients that stop reading, a disk that is full, a flood of webhooks, and
SIGTERM in the middle of it. HOOKSWITCH_SEED repeats a run.

Limits are those of the contract and of config/hookswitch.toml at their defaults.
"""
import asyncio
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import raw_websocket as raw  # noqa: E402
import traffic as loads  # noqa: E402
import wire  # noqa: E402

SEED = int(os.environ.get("HOOKSWITCH_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
CLIENTS = int(os.environ.get("HOOKSWITCH_OVERLOAD_CLIENTS", 200))
LINES = ["%d" % (200 + i) for i in range(8)]
CONFIG = wire.NATIVE + loads.users_toml(LINES)
AGE_BUDGET_S, SLACK_S = 10, 3  # delivery.client_queue_age_ms_max
MEMORY_MAX = 1 << 30  # of the unit; nothing here may come near it
EVERY = wire.token("alice", "events:org")


def setUpModule():
    print("seed %d" % SEED, file=sys.stderr)


def resident(daemon):
    """VmRSS in bytes."""
    status = pathlib.Path("/proc/%d/status" % daemon.process.pid).read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


def mib(bytes_):
    return "%.0f MiB" % (bytes_ / (1 << 20))


async def get(daemon, path, token=None):
    """(status, headers, body, seconds it took)."""
    since = time.monotonic()
    headers = {"Authorization": "Bearer " + token} if token else {}
    answer = await asyncio.to_thread(daemon.http, "GET", path, None, headers)
    return *answer, time.monotonic() - since


def disconnects(daemon):
    return wire.total(daemon, "client_disconnects", "slow_client")


class StoppedReaders(unittest.TestCase):
    def setUp(self):
        self.daemon = self.enterContext(harness.Daemon(CONFIG))

    def test_at_the_byte_budget(self):
        """About 1 MiB a second for everybody."""
        asyncio.run(self.stop_some(rate=300))

    def test_at_the_age_budget(self):
        """A few events a second once the kernel takes no more: 1 MiB is not reached in 10 s."""
        asyncio.run(self.stop_some(rate=300, then=15, share=4))

    async def stop_some(self, rate, then=None, share=1):
        """`then`: the rate when the kernel's buffers for the victims are full."""
        traffic = loads.Traffic(self.daemon, random.Random(SEED), rate, "x" * 1700)
        traffic.add_posters(8, LINES)
        clients = CLIENTS // share
        for i in range(clients):
            subscriber = loads.Subscriber(traffic, "client-%d" % i, EVERY)
            if i < clients // 10:
                subscriber.receive_buffer = 4096
            traffic.subscribers.append(subscriber)
        victims = traffic.subscribers[: clients // 10]
        others = traffic.subscribers[clients // 10 :]
        await traffic.start()
        await loads.until(lambda: len(traffic.acknowledged) > 10, 10, "the load runs")
        before, peak = disconnects(self.daemon), resident(self.daemon)
        stopped = time.monotonic()
        told_when_stopped = len(traffic.book.events)
        ports = []
        for victim in victims:
            victim.subscription.transport.pause_reading()
            ports.append(victim.subscription.transport.get_extra_info("sockname")[1])
        held = full_at = None
        gone_at = []
        while len(gone_at) < len(victims):
            # What the kernel takes counts as sent; the budgets begin where it takes no more.
            if full_at is None:
                now = [loads.bytes_in_kernel(self.daemon.port, port) or 0 for port in ports]
                if now == held and min(now) > 0:
                    full_at = time.monotonic()
                    traffic.rate = then or rate
                held = now
            gone = int(await asyncio.to_thread(disconnects, self.daemon) - before)
            gone_at += [time.monotonic()] * (gone - len(gone_at))
            peak = max(peak, resident(self.daemon))
            since = full_at or stopped + 20
            if time.monotonic() > since + AGE_BUDGET_S + SLACK_S:
                break
            await asyncio.sleep(0.3)
        told = len(traffic.book.events) - told_when_stopped
        for victim in victims:
            victim.subscription.transport.resume_reading()
        await loads.until(lambda: all(v.close_codes for v in victims), 10, "the victims are closed")
        await loads.until(lambda: all(v.connected() for v in victims), 20, "they are back")
        await traffic.finish()
        await traffic.leave()
        codes = [v.close_codes[0] for v in victims]
        print(
            "%d of %d stopped reading: the kernel full (%s each) after %s s, dropped after %s s, "
            "%d events meanwhile, codes %s; slowest answer to a webhook %.0f ms, %s resident"
            % (
                len(victims),
                clients,
                mib(max(held)),
                "%.1f" % (full_at - stopped) if full_at else "-",
                "%.1f-%.1f" % (gone_at[0] - stopped, gone_at[-1] - stopped) if gone_at else "-",
                told,
                {c: codes.count(c) for c in codes},
                traffic.slowest * 1000,
                mib(peak),
            ),
            file=sys.stderr,
        )
        self.assertEqual(len(gone_at), len(victims), "too late")
        self.assertEqual([c for o in others for c in o.close_codes if c], [], "others were closed")
        self.assertEqual([o.name for o in others if o.resumes], [])
        self.assertEqual(traffic.problems(), [])
        self.assertEqual(set(codes), {4008})
        self.assertEqual([v.resumes for v in victims], [1] * len(victims))


class FullDisk(unittest.TestCase):
    SIZE = 48 << 20

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system needs root")
        self.disk = pathlib.Path(tempfile.mkdtemp(prefix="hookswitch-disk-"))
        self.addCleanup(self.disk.rmdir)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=%d" % self.SIZE, "none", self.disk],
            capture_output=True,
        )
        if mounted.returncode:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(lambda: subprocess.run(["umount", self.disk], check=True))
        self.ballast = self.disk / "ballast"
        daemon = harness.Daemon(CONFIG)
        text = daemon.config.read_text()
        old = '"%s/journal.db"' % daemon.folder
        self.assertIn(old, text)
        daemon.config.write_text(text.replace(old, '"%s/journal.db"' % self.disk))
        self.daemon = self.enterContext(daemon)

    def fill(self):
        """Takes every byte that is left."""
        with open(self.ballast, "ab", buffering=0) as file:
            for piece in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * piece) == piece:
                        pass

    def test_webhooks_are_refused_and_all_else_goes_on(self):
        asyncio.run(self.full())

    async def full(self):
        traffic = loads.Traffic(self.daemon, random.Random(SEED), 300)
        traffic.add_posters(16, LINES)
        traffic.add_subscribers(10, LINES)
        await traffic.start()
        await loads.until(lambda: len(traffic.acknowledged) > 300, 20, "the load runs")
        refused = lambda: sum(p.refused for p in traffic.posters)
        self.assertEqual(refused(), 0)
        before = resident(self.daemon)
        filled = time.monotonic()
        while not refused():
            self.fill()
            self.assertLess(time.monotonic() - filled, 30, "a full disk is not noticed")
            await asyncio.sleep(0.05)
        first, peak = time.monotonic() - filled, before
        accepted = len(traffic.acknowledged)
        said, others = None, []
        until = time.monotonic() + 5
        while time.monotonic() < until:  # full for 5 s: what holds, must hold all the time
            self.fill()
            for path, token in (
                ("/livez", None),
                ("/metrics", None),
                ("/version", None),
                ("/v1/calls", EVERY),
                ("/readyz", None),
            ):
                status, headers, body, took = await get(self.daemon, path, token)
                self.assertLess(took, 2, path)
                if path == "/readyz" and status == 503:
                    said = json.loads(body)
                elif status != 200:
                    others.append("%s: %d %s" % (path, status, body.decode()))
            peak = max(peak, resident(self.daemon))
            await asyncio.sleep(0.02)
        with self.subTest(rule="reads go on"):
            self.assertEqual(others[:5], [], "%d GETs were refused" % len(others))
        with self.subTest(rule="/readyz says why"):
            self.assertIn("journal", json.dumps(said))
        with self.subTest(rule="nobody who listens is sent away"):
            codes = [c for s in traffic.subscribers for c in s.close_codes]
            self.assertEqual({c: codes.count(c) for c in codes}, {})
        while_full = len(traffic.acknowledged) - accepted
        newcomer = loads.Subscriber(traffic, "newcomer", EVERY)
        resuming = loads.Subscriber(traffic, "resuming", EVERY)
        resuming.listener.start = traffic.subscribers[0].listener.start
        resuming.cursor = "%s.%d" % (traffic.book.epoch.decode(), resuming.listener.start)
        for subscriber in (newcomer, resuming):
            traffic.subscribers.append(subscriber)
            traffic.tasks.append(asyncio.create_task(subscriber.run()))
            with self.subTest(rule="a client that comes is served", client=subscriber.name):
                await subscriber.sync(5)
        refusals = refused()
        self.ballast.unlink()
        freed, at = time.monotonic(), len(traffic.acknowledged)
        await loads.until(lambda: len(traffic.acknowledged) > at, 15, "webhooks are taken again")
        recovered = time.monotonic() - freed
        await asyncio.to_thread(self.daemon.wait_ready, 10)
        await traffic.finish()
        print(
            "full: first 503 after %.1f s, %d refusals (slowest %.0f ms), %d taken while full, "
            "%s -> %s resident; recovered %.1f s after space was there"
            % (
                first,
                refusals,
                traffic.slowest_refusal * 1000,
                while_full,
                mib(before),
                mib(peak),
                recovered,
            ),
            file=sys.stderr,
        )
        await asyncio.to_thread(self.daemon.stop, 5)
        await asyncio.to_thread(self.daemon.start)
        again = loads.Subscriber(traffic, "again", EVERY)
        again.listener.start = traffic.subscribers[0].listener.start
        again.cursor = "%s.%d" % (traffic.book.epoch.decode(), again.listener.start)
        traffic.subscribers.append(again)
        traffic.tasks.append(asyncio.create_task(again.run()))
        await again.sync()
        await traffic.leave()
        self.assertEqual(traffic.problems(), [])
        self.assertGreater(refusals, 10)
        self.assertLess(traffic.slowest_refusal, 2)
        self.assertLess(peak - before, 64 << 20)


class Flood(unittest.TestCase):
    """A fixed set of calls that are held and resumed: no memory is owed to their number."""

    CONNECTIONS, CALLS, SECONDS = 128, 32, 5

    def setUp(self):
        self.daemon = self.enterContext(harness.Daemon(CONFIG))

    def test_every_answer_is_200_or_503_and_memory_is_bounded(self):
        asyncio.run(self.flood())

    async def poster(self, number, outcomes, stop):
        calls = ["f%d-%d" % (number, i) for i in range(self.CALLS)]

        def facts(kind, turn):
            return [
                {
                    "type": kind,
                    "ids": {"call": [call], "leg": call + "-l"},
                    "direction": "inbound",
                    "from": {"number": "+12025550143"},
                    "agent": {"ext": LINES[number % len(LINES)]},
                    "seq": turn * 8 + i,
                    "custom_data": "%s-%d-%d" % (call, turn, i),
                }
                for i in range(8 if kind == "turn" else 1)
                for call in calls
            ]

        def body(turn):
            if turn == 0:
                return facts("ringing", 0)
            if turn == 1:
                return facts("answered", 1)
            batch = facts("turn", turn)
            for fact in batch:
                fact["type"] = "held" if fact["seq"] % 2 == 0 else "resumed"
            return batch[:256]

        connection, turn = None, 0
        while not stop.is_set():
            if connection is None or connection.ended:
                _, connection = await asyncio.get_running_loop().create_connection(
                    loads.HttpConnection, "127.0.0.1", self.daemon.port
                )
            batch = body(turn)
            since = time.monotonic()
            try:
                answer = await asyncio.wait_for(
                    connection.post(b"/v1/hooks/cloud", json.dumps(batch).encode()), 20
                )
            except asyncio.TimeoutError:
                answer = "hang"
                connection = None
            outcomes.append((answer, time.monotonic() - since))
            if answer and answer[0] == 200:
                self.marks.update(f["custom_data"] for f in batch)
                self.last_of.update({f["ids"]["call"][0]: f["custom_data"] for f in batch})
                turn += 1

    async def flood(self):
        self.marks, self.last_of = set(), {}
        traffic = loads.Traffic(self.daemon, random.Random(SEED), 1)
        watcher = loads.Subscriber(traffic, "watcher", EVERY)
        traffic.subscribers.append(watcher)
        await traffic.start()
        before = peak = resident(self.daemon)
        outcomes, stop = [], asyncio.Event()
        posters = [
            asyncio.create_task(self.poster(i, outcomes, stop)) for i in range(self.CONNECTIONS)
        ]
        until, slowest_get = time.monotonic() + self.SECONDS, 0
        while time.monotonic() < until:
            status, _, _, took = await get(self.daemon, "/livez")
            self.assertEqual(status, 200)
            slowest_get = max(slowest_get, took)
            peak = max(peak, resident(self.daemon))
            await asyncio.sleep(0.1)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*posters), 30)
        since = time.monotonic()
        status, _, body = await asyncio.to_thread(
            self.daemon.http, "POST", "/v1/hooks/cloud", loads.fact_of("calm", 1, 0, "201")[1]
        )
        calm = time.monotonic() - since
        await watcher.sync(60)
        caught_up = time.monotonic() - since
        peak = max(peak, resident(self.daemon))
        answers = [a for a, _ in outcomes]
        counts = {s: sum(1 for a in answers if a and a[0] == s) for s in (200, 503)}
        by_code = {
            s: sorted(t for a, t in outcomes if a and a[0] == s) or [0] for s in (200, 503)
        }
        print(
            "flood: %d batches taken (p50 %.0f, slowest %.0f ms), %d refused (p50 %.0f, slowest "
            "%.0f ms), %d facts/s; GET slowest %.0f ms; %s -> %s resident; then a webhook in "
            "%.0f ms, the watcher has all after %.1f s, closed %s"
            % (
                counts[200],
                by_code[200][len(by_code[200]) // 2] * 1000,
                by_code[200][-1] * 1000,
                counts[503],
                by_code[503][len(by_code[503]) // 2] * 1000,
                by_code[503][-1] * 1000,
                len(self.marks) / self.SECONDS,
                slowest_get * 1000,
                mib(before),
                mib(peak),
                calm * 1000,
                caught_up,
                watcher.close_codes,
            ),
            file=sys.stderr,
        )
        await traffic.leave()
        self.assertEqual(
            {str(a) for a in answers if not a or a[0] not in (200, 503)}, set(), "other answers"
        )
        self.assertEqual(
            {a[1] for a in answers if a[0] == 503 and not (a[1] or "").isdigit()}, set()
        )
        self.assertEqual((status, body), (200, b""))
        self.assertLess(calm, 1, "it does not recover")
        self.assertLess(peak, MEMORY_MAX // 2)
        told = {e.mark for e in traffic.book.events.values()}
        heard = watcher.listener.heard
        self.assertEqual(heard, sorted(set(heard)))
        self.assertEqual(watcher.listener.complaints + traffic.book.conflicts, [])
        lost = sorted(m for m in self.last_of.values() if m not in told)
        self.assertEqual(lost[:10], [], "%d were answered 200 and not told" % len(lost))


class Sigterm(unittest.TestCase):
    ROUNDS = 4

    def setUp(self):
        self.daemon = self.enterContext(harness.Daemon(CONFIG))

    def test_under_load_nothing_in_hand_is_dropped(self):
        asyncio.run(self.rounds(random.Random(SEED)))

    def loiterers(self):
        """Connections that could keep a daemon from ending."""
        port, out = self.daemon.port, []
        for data in (
            b"",
            b"POST /v1/hooks/cl",
            b"POST /v1/hooks/cloud HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
            b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            raw.upgrade_request(),
            raw.upgrade_request()[:50],
        ):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.sendall(data)
            out.append(sock)
        for stalled in range(3):
            ws = raw.RawWebSocket(port, receive_buffer=4096)
            ws.upgrade()
            ws.hello(token=EVERY)
            out.append(ws.socket)  # and never reads again
        return out

    async def rounds(self, chance):
        traffic = loads.Traffic(self.daemon, chance, 1500)
        traffic.add_posters(64, LINES)
        traffic.add_subscribers(40, LINES)
        await traffic.start()
        took, dropped, closes = [], [], []
        for _ in range(self.ROUNDS):
            loiterers = self.loiterers()
            before = len(traffic.acknowledged)
            await asyncio.sleep(chance.uniform(0.3, 1.5))  # when it comes is up to the seed
            await loads.until(lambda: len(traffic.acknowledged) > before + 100, 20, "load")
            await loads.until(
                lambda: all(s.connected() for s in traffic.subscribers), 20, "all are connected"
            )
            for poster in traffic.posters:
                poster.unanswered.clear()
            connected = [(s, len(s.close_codes)) for s in traffic.subscribers]
            sent = time.monotonic()
            self.daemon.process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(self.daemon.process.wait, 15)
            took.append(time.monotonic() - sent)
            self.assertEqual(status, 0)
            await loads.until(
                lambda: all(len(s.close_codes) > n for s, n in connected), 10, "all are closed"
            )
            closes += [s.close_codes[n] for s, n in connected]
            # Sent before the signal, so it was in the daemon's hand or in its socket.
            dropped += [
                "%s, sent %.1f ms before SIGTERM" % (mark, (sent - at) * 1000)
                for poster in traffic.posters
                for mark, at, _ in poster.unanswered
                if at < sent - 0.02
            ]
            for sock in loiterers:
                sock.close()
            await asyncio.to_thread(self.daemon.start)
        await traffic.finish()
        await traffic.leave()
        print(
            "SIGTERM: ended after %s s, %d answered 200, close codes %s"
            % (
                " ".join("%.2f" % t for t in took),
                len(traffic.acknowledged),
                {c: closes.count(c) for c in set(closes)},
            ),
            file=sys.stderr,
        )
        self.assertEqual(traffic.problems(), [])
        self.assertEqual(dropped, [])
        self.assertEqual(set(closes), {1012})
        self.assertLess(max(took), 5)


if __name__ == "__main__":
    unittest.main()
