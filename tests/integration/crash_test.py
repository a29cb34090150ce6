#!/usr/bin/env python3
"""kill -9 again and again under load: nothing that was answered 200 is lost, nothing comes twice.

HOOKSWITCH_CRASH_CYCLES and HOOKSWITCH_CRASH_CLIENTS make it longer and wider (200 and 200 for the
long run), HOOKSWITCH_SEED repeats one.
"""
import asyncio
import os
import pathlib
import random
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import traffic as loads  # noqa: E402
import wire  # noqa: E402

CYCLES = int(os.environ.get("HOOKSWITCH_CRASH_CYCLES", 20))
CLIENTS = int(os.environ.get("HOOKSWITCH_CRASH_CLIENTS", 30))
RATE = int(os.environ.get("HOOKSWITCH_CRASH_RATE", 2000))
SEED = int(os.environ.get("HOOKSWITCH_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
POSTERS = 64
LINES = ["%d" % (200 + i) for i in range(32)]


class KillUnderLoad(unittest.TestCase):
    def setUp(self):
        self.daemon = self.enterContext(
            harness.Daemon(wire.NATIVE + loads.users_toml(LINES))
        )

    def test_nothing_is_lost_and_nothing_repeated(self):
        print("seed %d: %d kills, %d subscribers" % (SEED, CYCLES, CLIENTS), file=sys.stderr)
        asyncio.run(self.cycles(random.Random(SEED)))

    async def cycles(self, chance):
        traffic = loads.Traffic(self.daemon, chance, RATE)
        traffic.add_posters(POSTERS, LINES)
        traffic.add_subscribers(CLIENTS, LINES)
        await traffic.start()
        loaded = starting = 0.0
        for _ in range(CYCLES):
            before, since = len(traffic.acknowledged), time.monotonic()
            last = chance.uniform(0.05, 1.2)
            await asyncio.sleep(last)  # when to kill is the question that the seed decides
            await loads.until(
                lambda: len(traffic.acknowledged) > before, 20, "something is acknowledged"
            )
            loaded += time.monotonic() - since
            self.daemon.kill()
            since = time.monotonic()
            await asyncio.to_thread(self.daemon.start)
            starting = max(starting, time.monotonic() - since)
        # Many kills in a row let backlogs grow: what is asked here is whether they end, not when.
        catching_up = await traffic.finish(60 + CYCLES * CLIENTS / 50)
        # Told once more from the first event on, by the journal alone: what anybody was told before
        # a kill must still be there.
        again = loads.Subscriber(traffic, "again", wire.token("alice", "events:org"))
        again.listener.start = traffic.subscribers[0].listener.start
        again.cursor = "%s.%d" % (traffic.book.epoch.decode(), again.listener.start)
        traffic.subscribers.append(again)
        traffic.tasks.append(asyncio.create_task(again.run()))
        since = time.monotonic()
        await again.sync(60 + CYCLES)
        replaying = time.monotonic() - since
        await traffic.leave()
        print(
            "%d answered 200 (%.0f/s while up), %d repeated, %d events, slowest answer %.0f ms, "
            "slowest start %.2f s, %d resumes; all caught up after %.1f s, all told again in %.1f s"
            % (
                len(traffic.acknowledged),
                len(traffic.acknowledged) / loaded,
                traffic.repeated,
                len(traffic.book.events),
                traffic.slowest * 1000,
                starting,
                sum(s.resumes for s in traffic.subscribers),
                catching_up,
                replaying,
            ),
            file=sys.stderr,
        )
        self.assertEqual(traffic.problems(), [])
        self.assertGreater(len(traffic.acknowledged), CYCLES * 20)
        self.assertGreaterEqual(again.resumes, 1)
        for subscriber in traffic.subscribers[:-1]:
            self.assertGreater(subscriber.resumes, 0, subscriber.name)
            self.assertTrue(subscriber.listener.heard, subscriber.name)


if __name__ == "__main__":
    unittest.main()
