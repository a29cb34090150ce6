"""Load for the real daemon in one asyncio loop: posters that repeat what was not answered, and
subscribers that come back after every break with the last whole cursor.

    traffic = Traffic(daemon, random.Random(seed), rate=2000)
    traffic.add_posters(64); traffic.add_subscriber("all"); ...
    await traffic.start(); ...; await traffic.finish(); traffic.problems()

Everything is waited for on a condition with a deadline.
"""
import asyncio
import json
import pathlib
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import history  # noqa: E402
import raw_websocket as raw  # noqa: E402
import wire  # noqa: E402

PATIENCE = 20


def users_toml(lines):
    """One user per line: u201 of extension 201."""
    return "".join(
        '\n[[user]]\norg = "acme"\nid = "u%s"\nextensions = ["%s"]\n' % (line, line)
        for line in lines
    )


def fact_of(tag, number, step, line, pad=""):
    vendor_id = "%s-%d" % (tag, number)
    mark = "%s-%d" % (vendor_id, step)
    return mark, {
        "type": history.STEPS[step],
        "ids": {"call": [vendor_id], "leg": vendor_id + "-l"},
        "direction": "inbound",
        "from": {"number": "+1202555%04d" % (number % 10_000)},
        "agent": {"ext": line},
        "seq": step + 1,
        "custom_data": mark,
        **({"variables": {"pad": pad}} if pad else {}),
    }


class HttpConnection(asyncio.Protocol):
    """One keep-alive connection, one request at a time. `post` returns (status, Retry-After), or
    None when the connection ended first."""

    def __init__(self):
        self.buffer, self.waiter, self.transport = b"", None, None
        self.ended = False

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _):
        self.ended = True
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    def data_received(self, data):
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0 or not self.waiter or self.waiter.done():
            return
        head = self.buffer[:end].decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        size = int(headers.get("content-length", 0))
        if len(self.buffer) < end + 4 + size:
            return
        self.buffer = self.buffer[end + 4 + size :]
        if headers.get("connection") == "close":
            self.ended = True
            self.transport.close()
        self.waiter.set_result((int(head[0].split(" ")[1]), headers.get("retry-after")))

    async def post(self, path, body):
        if self.ended:
            return None
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(
            b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (path, len(body), body)
        )
        return await self.waiter


class Poster:
    """A PBX: whole calls one after the other, each fact repeated until it is answered 200."""

    def __init__(self, traffic, tag, lines):
        self.traffic, self.tag, self.lines = traffic, tag, lines
        self.connection = None
        self.in_hand = None  # (mark, when it was sent)
        self.unanswered = []  # (mark, when it was sent, when the connection ended)
        self.refused = 0

    async def run(self):
        traffic, number = self.traffic, 0
        due = time.monotonic() + traffic.random.random() * traffic.interval
        while not traffic.stopping:
            line = self.lines[number % len(self.lines)]
            for step in range(len(history.STEPS)):
                mark, fact = fact_of(self.tag, number, step, line, traffic.pad)
                body = json.dumps(fact).encode()
                traffic.posted.add(mark)
                due = max(due + traffic.interval, time.monotonic() - 0.1)
                while True:
                    if (left := due - time.monotonic()) > 0:
                        await asyncio.sleep(left)  # the rate
                    status = await self.once(mark, body)
                    if status == 200:
                        traffic.acknowledged.append(history.Post(mark, step))
                        break
                    if traffic.abandoned:
                        return
                    traffic.repeated += 1
                    due = time.monotonic() + 0.02
                if traffic.stopping and traffic.may_leave_calls_open:
                    return
            number += 1

    async def once(self, mark, body):
        if not self.connection or self.connection.ended:
            self.connection = None
            try:
                _, self.connection = await asyncio.get_running_loop().create_connection(
                    HttpConnection, "127.0.0.1", self.traffic.daemon.port
                )
            except OSError:
                return None
        sent = time.monotonic()
        self.in_hand = mark, sent
        try:
            answer = await asyncio.wait_for(
                self.connection.post(b"/v1/hooks/cloud", body), PATIENCE
            )
        except asyncio.TimeoutError:
            self.traffic.complaints.append("%s was not answered within %d s" % (mark, PATIENCE))
            self.connection.transport.abort()
            return None
        finally:
            self.in_hand = None
        took = time.monotonic() - sent
        if answer is None:
            self.unanswered.append((mark, sent, time.monotonic()))
            return None
        status, retry_after = answer
        if status == 200:
            self.traffic.slowest = max(self.traffic.slowest, took)
        elif status == 503:
            self.refused += 1
            if not (retry_after or "").isdigit():
                self.traffic.complaints.append("503 with Retry-After %r" % retry_after)
            self.traffic.slowest_refusal = max(self.traffic.slowest_refusal, took)
        else:
            self.traffic.complaints.append("%s was answered %d" % (mark, status))
        return status


class Subscription(asyncio.Protocol):
    """One connection of a subscriber."""

    def __init__(self, subscriber):
        self.subscriber, self.transport = subscriber, None
        self.reader, self.head = raw.FrameReader(), b""
        self.welcome, self.close_code = None, None
        self.ended = asyncio.get_running_loop().create_future()
        self.pongs = 0

    def connection_made(self, transport):
        self.transport = transport
        transport.write(raw.upgrade_request())

    def connection_lost(self, _):
        if not self.ended.done():
            self.ended.set_result(None)

    def data_received(self, data):
        if self.head is not None:
            self.head += data
            head, separator, rest = self.head.partition(b"\r\n\r\n")
            if not separator:
                return
            if b" 101 " not in head[:20]:
                self.transport.abort()
                return
            self.head, data = None, rest
            self.transport.write(raw.text(self.subscriber.hello()))
        self.reader.feed(data)
        for opcode, payload in self.reader.frames():
            if opcode == raw.TEXT:
                self.subscriber.on_text(self, payload)
            elif opcode == raw.PING:
                self.transport.write(raw.frame(raw.PONG, payload))
            elif opcode == raw.CLOSE:
                self.close_code = raw.close_code(payload)
                self.transport.write(raw.frame(raw.CLOSE, payload[:2]))


class Subscriber:
    """Comes back for ever, with `since`. Its history is `listener`."""

    def __init__(self, traffic, name, token, line=None, filters=None):
        self.traffic, self.name, self.token, self.filters = traffic, name, token, filters
        self.listener = history.Listener(name, line)
        self.cursor, self.subscription = None, None
        self.resumes, self.close_codes = 0, []
        self.receive_buffer = None  # bytes; a small one makes a client that stops reading felt soon

    def hello(self):
        return {
            "op": "hello",
            "token": self.token,
            **({"since": self.cursor} if self.cursor else {}),
            **({"subscribe": [self.filters]} if self.filters else {}),
        }

    def on_text(self, subscription, payload):
        offset = self.traffic.book.tell(payload, self.name)
        if offset is not None:
            self.listener.heard.append(offset)
            self.cursor = "%s.%d" % (self.traffic.book.epoch.decode(), offset)
            return
        message = json.loads(payload)
        if message.get("op") == "welcome":
            subscription.welcome = message
            if self.listener.start is None:
                self.listener.start = int(message["cursor"].rpartition(".")[2])
                self.cursor = message["cursor"]
            elif message["resumed"]:
                self.resumes += 1
            else:
                self.listener.complaints.append("%s: not resumed at %s" % (self.name, self.cursor))
        elif message.get("op") == "pong":
            subscription.pongs += 1
        elif message.get("op") == "error":
            self.listener.complaints.append("%s: error %s" % (self.name, message["code"]))

    async def run(self):
        loop = asyncio.get_running_loop()
        while not self.traffic.abandoned:
            sock = socket.socket()
            sock.setblocking(False)
            if self.receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
            try:
                await loop.sock_connect(sock, ("127.0.0.1", self.traffic.daemon.port))
                _, self.subscription = await loop.create_connection(
                    lambda: Subscription(self), sock=sock
                )
            except OSError:
                sock.close()
                await asyncio.sleep(0.02)  # the daemon is away
                continue
            await self.subscription.ended
            self.close_codes.append(self.subscription.close_code)
            await asyncio.sleep(0.005)

    def connected(self):
        return bool(
            self.subscription and self.subscription.welcome and not self.subscription.ended.done()
        )

    async def sync(self, seconds=PATIENCE):
        """Returns when all that the daemon had to tell has come."""
        deadline = time.monotonic() + seconds
        asked, before = None, 0
        while not (asked and asked.pongs > before):
            if self.connected() and self.subscription is not asked:  # also after a break meanwhile
                asked = self.subscription
                before = asked.pongs
                asked.transport.write(raw.text({"op": "ping"}))
            if time.monotonic() > deadline:
                raise AssertionError(
                    "%s: no pong within %s s; connected: %s, close codes so far: %s"
                    % (self.name, seconds, self.connected(), self.close_codes[-5:])
                )
            await asyncio.sleep(0.01)


def bytes_in_kernel(port, peer_port):
    """What the kernel holds for the daemon's end of one connection: sent and not yet taken, or
    still to be sent (/proc/net/tcp)."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, peer = (int(fields[i].split(":")[1], 16) for i in (1, 2))
        if (local, peer) == (port, peer_port):
            return int(fields[4].split(":")[0], 16)
    return None


async def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("not within %s s: %s" % (seconds, what))
        await asyncio.sleep(0.01)


class Traffic:
    def __init__(self, daemon, random, rate, pad=""):
        self.daemon, self.random, self.rate, self.pad = daemon, random, rate, pad
        self.book = history.Book()
        self.posters, self.subscribers, self.tasks = [], [], []
        self.posted, self.acknowledged, self.complaints = set(), [], []
        self.repeated, self.slowest, self.slowest_refusal = 0, 0.0, 0.0
        self.stopping = self.abandoned = self.may_leave_calls_open = False

    @property
    def interval(self):
        return len(self.posters) / self.rate

    def add_posters(self, n, lines):
        self.posters += [Poster(self, "p%d" % i, lines[i::n] or lines) for i in range(n)]

    def add_subscribers(self, n, lines):
        """One in ten is told all, at least two; the others what their line has, half of them by
        their scope and half by a filter."""
        whole = max(2, n // 10)
        for i in range(n):
            line = lines[i % len(lines)]
            if i < whole:
                more = ("all-%d" % i, wire.token("alice", "events:org"))
            elif i % 2:
                more = ("own-%d" % i, wire.token("u" + line, "events:own"), line)
            else:
                token = wire.token("alice", "events:org")
                more = ("filter-%d" % i, token, line, {"ext": [line]})
            self.subscribers.append(Subscriber(self, *more))

    async def start(self):
        for subscriber in self.subscribers:
            self.tasks.append(asyncio.create_task(subscriber.run()))
        await until(
            lambda: all(s.connected() for s in self.subscribers), 60, "all subscribers are welcome"
        )
        self.poster_tasks = [asyncio.create_task(p.run()) for p in self.posters]

    async def stop_posting(self, seconds=30):
        self.stopping = True
        done, waiting = await asyncio.wait(self.poster_tasks, timeout=seconds)
        assert not waiting, "%d posters do not end" % len(waiting)
        for task in done:
            task.result()

    async def sync(self, seconds=60):
        await asyncio.gather(*(s.sync(seconds) for s in self.subscribers))

    async def finish(self, seconds=60):
        """Stops the posters at the end of their calls and waits until everybody has been told; how
        long that took."""
        await self.stop_posting()
        since = time.monotonic()
        await self.sync(seconds)
        return time.monotonic() - since

    async def leave(self):
        self.abandoned = True
        for subscriber in self.subscribers:
            if subscriber.subscription:
                subscriber.subscription.transport.abort()
        for poster in self.posters:
            if poster.connection:
                poster.connection.transport.abort()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for _ in range(3):
            await asyncio.sleep(0)  # what was aborted is closed in the next turn

    def problems(self, more=()):
        listeners = [s.listener for s in self.subscribers] + list(more)
        return self.complaints[:10] + history.problems(
            self.book, listeners, self.acknowledged, self.posted
        )
