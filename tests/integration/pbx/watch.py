"""A small RFC 6665 subscriber on raw UDP: shows what a PBX really sends for Event: dialog."""
import hashlib
import re
import secrets
import socket
import threading
import time


def split_message(text):
    head, _, body = text.partition("\r\n\r\n")
    first, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return first, headers, body


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Subscription:
    def __init__(self, ext):
        self.ext, self.tag = ext, secrets.token_hex(4)
        self.call_id = secrets.token_hex(8) + "@watch"
        self.cseq, self.challenged, self.active = 0, False, False


class Watcher:
    """Subscribes to `extensions` as `user`; every NOTIFY is appended to `notifies`."""

    def __init__(self, port, extensions, user="900", domain="pbx.test"):
        self.pbx, self.user, self.domain = ("127.0.0.1", port), user, domain
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(0.1)
        self.me = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.notifies = []  # (time, extension, body)
        self.changed = threading.Condition()
        self.stopping = False
        self.subscriptions = [Subscription(ext) for ext in extensions]
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()
        for subscription in self.subscriptions:
            self._subscribe(subscription)
        self.wait_for(lambda: all(s.active for s in self.subscriptions), 5)

    def wait_for(self, condition, seconds):
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise TimeoutError("not seen within %s s" % seconds)

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.sock.close()

    def _subscribe(self, sub, challenge=None):
        sub.cseq += 1
        uri = "sip:%s@%s" % (sub.ext, self.domain)
        lines = ["SUBSCRIBE %s SIP/2.0" % uri,
                 "Via: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport" % (self.me, secrets.token_hex(6)),
                 "Max-Forwards: 70",
                 "From: <sip:%s@%s>;tag=%s" % (self.user, self.domain, sub.tag),
                 "To: <%s>" % uri, "Call-ID: " + sub.call_id, "CSeq: %d SUBSCRIBE" % sub.cseq,
                 "Contact: <sip:%s@%s>" % (self.user, self.me), "Event: dialog",
                 "Accept: application/dialog-info+xml", "Expires: 600"]
        if challenge:
            get = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
            secret = md5("%s:%s:pw-%s" % (self.user, get["realm"], self.user))
            cnonce = secrets.token_hex(4)
            answer = md5(":".join([secret, get["nonce"], "00000001", cnonce, "auth",
                                   md5("SUBSCRIBE:" + uri)]))
            lines.append('Authorization: Digest username="%s", realm="%s", nonce="%s", uri="%s", '
                         'response="%s", algorithm=MD5, qop=auth, nc=00000001, cnonce="%s"'
                         % (self.user, get["realm"], get["nonce"], uri, answer, cnonce))
        self._send(lines)

    def _send(self, lines):
        self.sock.sendto(("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode(), self.pbx)

    def _receive(self):
        while not self.stopping:
            try:
                text = self.sock.recv(65535).decode("utf-8", "replace")
            except socket.timeout:
                continue
            first, head, body = split_message(text)
            sub = next((s for s in self.subscriptions if s.call_id == head["call-id"][0]), None)
            if sub is None:
                continue
            with self.changed:
                if first.startswith("SIP/2.0 401") and not sub.challenged:
                    sub.challenged = True
                    self._subscribe(sub, head["www-authenticate"][0])
                elif first.startswith("SIP/2.0 2"):
                    sub.active = True
                elif first.startswith("NOTIFY"):
                    self._send(["SIP/2.0 200 OK"] + ["Via: " + v for v in head["via"]]
                               + [n + ": " + head[n.lower()][0]
                                  for n in ("From", "To", "Call-ID", "CSeq")])
                    self.notifies.append((time.monotonic(), sub.ext, body))
                self.changed.notify_all()
