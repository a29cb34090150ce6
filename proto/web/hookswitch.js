// Client library of Hookswitch: one WebSocket that survives the network, and the calls as they are now.
// Browser page, worker, or Node 18 and later (where there is no WebSocket, give one: the class of the package "ws").
// The types and the contract are in hookswitch.d.ts.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const OVERLOAD_DELAY_MS = 5_000;
const READY_TIMEOUT_MS = 10_000;
const PONG_TIMEOUT_MS = 10_000;
const PONG_TIMEOUT_AWAKE_MS = 3_000; // after a sleep most sockets are dead: find out soon
const REPLY_TIMEOUT_MS = 30_000;
const REFRESH_EARLY_MS = 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const ENDED_CALL_KEPT_MS = 10_000;

// What the close codes ask of a client. All others: come back, with the cursor.
const STAY_AWAY = new Set([4001, 4003, 4004]);
const TOKEN_EXPIRED = 4002;
const CURSOR_GONE = 4009;
const OVERLOAD = 1013;

/** The calls that are alive, and for a short while those that have ended. */
class CallStore {
  calls = new Map();
  #timers = new Map();

  replace(snapshot) {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.calls.clear();
    for (const call of snapshot) this.calls.set(call.id, call);
  }

  apply(event, ownView, user, onDrop) {
    const { call, absorbed } = event.data ?? {};
    if (typeof absorbed === 'string') this.#drop(absorbed);
    if (!call || typeof call.id !== 'string') return;
    clearTimeout(this.#timers.get(call.id));
    this.#timers.delete(call.id);
    this.calls.set(call.id, call);
    // In the own view a leg.ended may be the last word about a call that goes on without this user.
    const left = ownView && event.type === 'leg.ended' &&
      (call.legs ?? []).every((leg) => leg.user !== user || leg.state === 'terminated');
    if (call.state !== 'ended' && !left) return;
    const timer = setTimeout(() => {
      this.#drop(call.id);
      onDrop();
    }, ENDED_CALL_KEPT_MS);
    timer.unref?.();
    this.#timers.set(call.id, timer);
  }

  #drop(id) {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.calls.delete(id);
  }
}

function socketUrl(url) {
  const base = globalThis.location?.href ?? (import.meta.url.startsWith('http') ? import.meta.url : undefined);
  const out = new URL(url ?? '/v1/events', url === undefined ? import.meta.url : base);
  out.protocol = out.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(out.protocol)) throw new TypeError('hookswitch: no WebSocket address');
  return out.href;
}

/** When a JWT ends, in ms since 1970; undefined for other tokens. Only to be early: the server decides. */
function expiryOf(token) {
  try {
    const { exp } = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    return exp > 0 ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

const newId = () => globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

const failure = (code, detail) => Object.assign(new Error(detail || code), { code });

class Connection {
  #options;
  #url;
  #Socket;
  #store = new CallStore();
  #filters = new Map(); // id -> filter, asked for with subscribe()
  #inHello = new Set(); // ids whose filter went with the hello of this socket
  #token;
  #tokenIsStale = false;
  #attempts = 0;
  #round = 0; // counts sockets, so that whatever belongs to an older one is not heard
  #socket = null;
  #retryTimer;
  #readyTimer;
  #pingTimer;
  #refreshTimer;
  #pings = []; // oldest first: {resolve, reject, sentAt, timer}
  #commands = new Map(); // id -> {resolve, reject, timer}
  #listeners = {};
  #acknowledged; // with `ack`: where a reconnect goes on
  #tab;
  #wake = () => this.wake();
  #shown = () => globalThis.document?.visibilityState === 'visible' && this.wake();

  state = 'connecting';
  cursor;
  leases = new Map();
  version = 0;
  welcome = null;
  latency_ms = null;

  constructor(options) {
    this.#options = { protocol: 'hookswitch.v1', ...options };
    this.#url = socketUrl(options.url);
    this.#Socket = options.WebSocketImpl ?? globalThis.WebSocket;
    if (!this.#Socket) throw new TypeError('hookswitch: no WebSocket in this runtime, pass WebSocketImpl');
    this.#token = options.token;
    this.cursor = this.#acknowledged = options.since;
    this.#tab = options.tab && { visible: false, focused: false, ...options.tab };
    globalThis.addEventListener?.('online', this.#wake);
    globalThis.document?.addEventListener('visibilitychange', this.#shown);
    // Not at once, so that the caller holds the connection before the first callback.
    queueMicrotask(() => this.state === 'connecting' && this.#dial());
  }

  get calls() { return this.#store.calls; }

  on(what, listener) {
    const set = this.#listeners[what] ??= new Set();
    set.add(listener);
    return () => set.delete(listener);
  }

  /** Sends one frame. False, and nothing sent, while the connection is not open. */
  send(frame) {
    if (this.state !== 'open') return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  subscribe(id, filter) {
    this.#filters.set(id, filter);
    this.send({ op: 'subscribe', id, filter });
  }

  unsubscribe(id) {
    if (!this.#filters.delete(id)) return;
    // A filter that went with the hello has no name there: a new hello without it is exact.
    if (this.#inHello.has(id)) this.#restart();
    else this.send({ op: 'unsubscribe', id });
  }

  setToken(token) {
    this.#token = token;
    this.#tokenIsStale = false;
    if (this.state !== 'open') return;
    this.send({ op: 'auth', token });
    this.#planRefresh();
  }

  ping(timeout_ms = PONG_TIMEOUT_MS) {
    return new Promise((resolve, reject) => {
      if (!this.#answersPings() || !this.send({ op: 'ping' })) return reject(failure('not_open', 'not open'));
      const timer = setTimeout(() => this.#lost(4000, 'no pong'), timeout_ms);
      timer.unref?.();
      this.#pings.push({ resolve, reject, sentAt: performance.now(), timer });
    });
  }

  wake() {
    if (this.state === 'waiting') this.#dial();
    else if (this.state === 'open') this.ping(PONG_TIMEOUT_AWAKE_MS).catch(() => {});
  }

  command(name, params = {}, { id = newId(), ...more } = {}) {
    return new Promise((resolve, reject) => {
      if (!this.send({ op: 'command', id, name, params, ...more })) return reject(failure('not_open', 'not open'));
      const timer = setTimeout(() => this.#settle(id, failure('no_reply', 'no reply')), REPLY_TIMEOUT_MS);
      timer.unref?.();
      this.#commands.set(id, { resolve, reject, timer });
    });
  }

  publish(type, data) { return this.send({ op: 'publish', type, data }); }

  ack(cursor = this.cursor) {
    this.#acknowledged = cursor;
    return this.send({ op: 'ack', cursor });
  }

  focus(visible, focused) {
    const before = this.#tab ?? {};
    this.#tab = { ...before, visible, focused };
    if (before.visible !== visible || before.focused !== focused) this.send({ op: 'focus', visible, focused });
  }

  holds(purpose) {
    const lease = this.leases.get(purpose);
    return lease?.mine ? lease.token : null;
  }

  close() {
    this.#hangUp();
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#refreshTimer);
    this.#enter('closed', { code: 1000, reason: 'closed here' });
  }

  // Page dialects have no welcome: they are open when the hello is sent.
  #hasWelcome() { return this.#options.protocol === 'hookswitch.v1'; }
  #answersPings() { return this.#options.protocol !== 'cloudevents.json'; }

  async #dial() {
    clearTimeout(this.#retryTimer);
    const round = ++this.#round;
    this.#enter('connecting');
    if (round !== this.#round) return;
    const { getToken } = this.#options;
    if (getToken && (!this.#token || this.#tokenIsStale)) {
      try {
        const token = await getToken();
        if (round !== this.#round) return;
        this.#token = token;
        this.#tokenIsStale = false;
      } catch {
        if (round === this.#round) this.#retry({ code: 0, reason: 'no token' });
        return;
      }
    }
    let socket;
    try {
      socket = new this.#Socket(this.#url, [this.#options.protocol]);
    } catch (error) {
      this.#enter('closed', { code: 0, reason: String(error?.message ?? error) });
      return;
    }
    this.#socket = socket;
    this.#readyTimer = setTimeout(() => this.#lost(4000, 'not ready in time'), READY_TIMEOUT_MS);
    socket.onopen = () => this.#hello();
    socket.onmessage = (message) => this.#frame(message.data);
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    socket.onerror = () => {}; // a close event follows
  }

  #hello() {
    const { subscribe } = this.#options;
    const hello = { op: 'hello' };
    const since = this.#options.ack ? this.#acknowledged : this.cursor;
    if (this.#token) hello.token = this.#token;
    if (since !== undefined) hello.since = since;
    if (this.#options.ack) hello.ack = true;
    if (this.#tab?.id) hello.tab = this.#tab;
    // All filters go with the hello: those sent later would miss what is resumed.
    if (subscribe || this.#filters.size) hello.subscribe = [...(subscribe ?? []), ...this.#filters.values()];
    this.#inHello = new Set(this.#filters.keys());
    this.#socket.send(JSON.stringify(hello));
    if (!this.#hasWelcome()) this.#open({});
  }

  #open(detail) {
    clearTimeout(this.#readyTimer);
    this.#enter('open', detail);
    this.#keepAlive();
    this.#planRefresh();
  }

  // In band and before the old one ends, so that nothing is interrupted.
  #planRefresh() {
    clearTimeout(this.#refreshTimer);
    const { getToken } = this.#options;
    const ends = getToken && this.#token ? expiryOf(this.#token) : undefined;
    if (ends === undefined) return;
    const early = Math.max(ends - Date.now() - REFRESH_EARLY_MS * (0.5 + Math.random() / 2), 1_000);
    this.#refreshTimer = setTimeout(async () => {
      if (this.state !== 'open') return; // a new connection asks by itself
      try {
        const token = await getToken();
        if (token !== this.#token) this.setToken(token); // also when the connection was lost meanwhile: the next one needs it
      } catch { /* the old one may do until the server says 4002 */ }
    }, Math.min(early, LONGEST_TIMER_MS));
    this.#refreshTimer.unref?.();
  }

  #frame(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    if (frame === null || typeof frame !== 'object') return;
    if (typeof frame.op === 'string') return this.#control(frame);
    this.#attempts = 0;
    const isEvent = frame.specversion !== undefined;
    let { cursor } = frame;
    if (isEvent) {
      this.#store.apply(frame, this.#options.view === 'own', this.welcome?.user, () => this.#callsChanged());
    } else {
      cursor = frame.hookswitch?.cursor;
      delete frame.hookswitch;
    }
    if (typeof cursor === 'string') this.cursor = cursor;
    this.#tell('event', frame, cursor);
    if (isEvent) this.#callsChanged();
  }

  #callsChanged() {
    this.version++;
    this.#tell('calls', this.calls);
  }

  #control(frame) {
    switch (frame.op) {
      case 'welcome':
        this.#attempts = 0;
        this.welcome = frame;
        if (Array.isArray(frame.snapshot)) this.#store.replace(frame.snapshot);
        else if (!frame.resumed) this.#store.replace([]);
        // After a resume the missed events follow, and each brings its own cursor.
        if (!frame.resumed || this.cursor === undefined) this.cursor = this.#acknowledged = frame.cursor;
        this.#open(frame);
        return this.#callsChanged();
      case 'pong': {
        const ping = this.#pings.shift();
        if (!ping) return;
        clearTimeout(ping.timer);
        // Everything up to there came before it, also to who heard nothing.
        if (typeof frame.cursor === 'string') this.cursor = frame.cursor;
        this.latency_ms = performance.now() - ping.sentAt;
        ping.resolve({ latency_ms: this.latency_ms, time: frame.time });
        return;
      }
      case 'lease': {
        const { purpose, holder, token } = frame;
        // Tokens only grow: a frame that was overtaken changes nothing.
        if (!(token >= (this.leases.get(purpose)?.token ?? 0))) return;
        const mine = holder !== null && (holder === this.#tab?.id || holder === this.welcome?.session);
        this.leases.set(purpose, { holder, token, mine });
        if (holder === null && purpose !== 'calls') this.leases.delete(purpose); // the pop was opened
        return this.#tell('lease', { purpose, holder, token, mine });
      }
      case 'reply':
        return this.#settle(frame.id, frame.ok ? null : failure(frame.code, frame.detail), frame);
      case 'error':
        if (frame.id !== undefined) this.#settle(frame.id, failure(frame.code, frame.detail));
    }
    this.#tell('control', frame);
  }

  #settle(id, error, reply) {
    const command = this.#commands.get(id);
    if (!command) return;
    clearTimeout(command.timer);
    this.#commands.delete(id);
    if (error) command.reject(error);
    else command.resolve(reply);
  }

  // A browser does not tell of a peer that vanished; a ping without an answer does.
  #keepAlive() {
    if (this.state !== 'open') return;
    clearInterval(this.#pingTimer);
    if (!this.#answersPings()) return;
    const every = this.welcome?.ping_ms > 0 ? this.welcome.ping_ms : 25_000;
    let due = Date.now() + every;
    this.#pingTimer = setInterval(() => {
      // This machine slept, or the clock was set, or the tab is throttled: the last is no reason for hurry but no harm.
      const slept = Date.now() > due + every;
      due = Date.now() + every;
      this.ping(slept ? PONG_TIMEOUT_AWAKE_MS : undefined).catch(() => {});
    }, every);
    this.#pingTimer.unref?.();
  }

  #lost(code, reason) {
    this.#hangUp();
    if (STAY_AWAY.has(code)) return this.#enter('closed', { code, reason });
    if (code === CURSOR_GONE) this.cursor = this.#acknowledged = undefined;
    if (code === TOKEN_EXPIRED) {
      if (!this.#options.getToken) return this.#enter('closed', { code, reason });
      this.#tokenIsStale = true;
    }
    this.#retry({ code, reason });
  }

  #retry({ code, reason }) {
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempts++);
    // Half fixed, half by chance: clients that were dropped together do not come back together.
    const jittered = longest * (0.5 + Math.random() / 2);
    const delay_ms = Math.round(code === OVERLOAD ? OVERLOAD_DELAY_MS + jittered : jittered);
    this.#retryTimer = setTimeout(() => this.#dial(), delay_ms);
    this.#enter('waiting', { code, reason, delay_ms });
  }

  #restart() {
    if (this.state !== 'open') return;
    this.#hangUp();
    this.#dial();
  }

  // Lets go of the socket at once: the close of a vanished peer may take a minute to be told.
  #hangUp() {
    this.#round++;
    clearTimeout(this.#readyTimer);
    clearInterval(this.#pingTimer);
    for (const ping of this.#pings.splice(0)) {
      clearTimeout(ping.timer);
      ping.reject(failure('connection_lost', 'connection lost'));
    }
    for (const id of [...this.#commands.keys()]) this.#settle(id, failure('connection_lost', 'connection lost'));
    // Somebody else may hold them from now on.
    for (const [purpose, { holder, token, mine }] of this.leases) {
      if (!mine) continue;
      this.leases.set(purpose, { holder, token, mine: false });
      this.#tell('lease', { purpose, holder, token, mine: false });
    }
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close();
    } catch { /* it was never open */ }
  }

  #enter(state, detail = {}) {
    if (this.state === 'closed') return;
    if (state === 'closed') {
      globalThis.removeEventListener?.('online', this.#wake);
      globalThis.document?.removeEventListener('visibilitychange', this.#shown);
    }
    this.state = state;
    this.#tell('state', state, detail);
  }

  // A fault of the page's own code must not cost it the connection.
  #tell(what, ...values) {
    const option = this.#options[`on${what[0].toUpperCase()}${what.slice(1)}`];
    for (const listener of [option, ...(this.#listeners[what] ?? [])]) {
      try {
        listener?.(...values);
      } catch (error) {
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }
}

export function connect(options = {}) {
  return new Connection(options);
}
