// What stands in for the network and for time in the unit tests.

/** A socket whose other end is the test. */
export class FakeWebSocket {
  static all = [];
  static get last() { return FakeWebSocket.all.at(-1); }

  sent = [];
  closed = false;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeWebSocket.all.push(this);
  }

  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }

  opens() { this.onopen(); }
  says(...frames) { for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) }); }
  drops(code, reason = '') { this.onclose({ code, reason }); }
}

/** Time that passes when told to: timers in the order in which they are due. (node:test's own differs between Node 18 and 20.) */
export const clock = {
  names: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
  enable() {
    this.real = Object.fromEntries(this.names.map((name) => [name, globalThis[name]]));
    this.realNow = Date.now;
    this.wall = 1_800_000_000_000;
    Date.now = () => this.wall + this.now;
    this.now = 0;
    this.last = 0;
    this.due = new Map();
    const plan = (every) => (run, ms = 0, ...args) => {
      this.due.set(++this.last, { at: this.now + ms, run: () => run(...args), every: every ? ms : null });
      return this.last;
    };
    const forget = (id) => this.due.delete(id);
    Object.assign(globalThis, { setTimeout: plan(false), setInterval: plan(true), clearTimeout: forget, clearInterval: forget });
  },
  tick(ms) {
    const until = this.now + ms;
    for (;;) {
      const next = [...this.due].filter(([, timer]) => timer.at <= until).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!next) break;
      const [id, timer] = next;
      this.now = timer.at;
      if (timer.every === null) this.due.delete(id);
      else timer.at += timer.every;
      timer.run();
    }
    this.now = until;
  },
  /** The machine sleeps: the wall clock goes on, timers do not. */
  sleep(ms) { this.wall += ms; },
  reset() {
    Object.assign(globalThis, this.real);
    Date.now = this.realNow;
  },
};

/** Lets promises run; the fake clock does not. */
export const settle = async () => { for (let i = 0; i < 10; i++) await Promise.resolve(); };
