// Client library of Hookswitch: one WebSocket that survives the network, and the calls as they are now.
// Browser, or Node 20 and later with a WebSocket class (for example that of the package "ws").
// The types and the contract are in hookswitch.d.ts.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const OVERLOAD_DELAY_MS = 5_000;
const READY_TIMEOUT_MS = 10_000;
const PONG_TIMEOUT_MS = 10_000;
const ENDED_CALL_KEPT_MS = 10_000;

// What the close codes ask of a client. All others: come back, with the cursor.
const STAY_AWAY = new Set([4001, 4003, 4004]);
const TOKEN_EXPIRED = 4002;
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

  apply(event, ownView, user) {
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
    const timer = setTimeout(() => this.#drop(call.id), ENDED_CALL_KEPT_MS);
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
  #pings = []; // oldest first: {resolve, reject, sentAt, timer}
  #online = () => this.state === 'waiting' && this.#dial();

  state = 'connecting';
  cursor;
  welcome = null;
  latency_ms = null;

  constructor(options) {
    this.#options = { protocol: 'hookswitch.v1', ...options };
    this.#url = socketUrl(options.url);
    this.#Socket = options.WebSocketImpl ?? globalThis.WebSocket;
    if (!this.#Socket) throw new TypeError('hookswitch: no WebSocket in this runtime, pass WebSocketImpl');
    this.#token = options.token;
    this.cursor = options.since;
    globalThis.addEventListener?.('online', this.#online);
    // Not at once, so that the caller holds the connection before the first callback.
    queueMicrotask(() => this.state === 'connecting' && this.#dial());
  }

  get calls() { return this.#store.calls; }

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
    if (this.#hasControl()) this.send({ op: 'auth', token });
    else this.#restart();
  }

  ping() {
    return new Promise((resolve, reject) => {
      if (!this.#hasControl() || !this.send({ op: 'ping' })) return reject(new Error('not open'));
      const timer = setTimeout(() => this.#lost(4000, 'no pong'), PONG_TIMEOUT_MS);
      timer.unref?.();
      this.#pings.push({ resolve, reject, sentAt: performance.now(), timer });
    });
  }

  close() {
    this.#hangUp();
    clearTimeout(this.#retryTimer);
    this.#enter('closed', { code: 1000, reason: 'closed here' });
  }

  // Page dialects carry page messages only; pings and subscriptions are for hookswitch.v1.
  #hasControl() { return this.#options.protocol === 'hookswitch.v1'; }

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
    if (this.#token) hello.token = this.#token;
    if (this.cursor !== undefined) hello.since = this.cursor;
    // All filters go with the hello: those sent later would miss what is resumed.
    if (subscribe || this.#filters.size) hello.subscribe = [...(subscribe ?? []), ...this.#filters.values()];
    this.#inHello = new Set(this.#filters.keys());
    this.#socket.send(JSON.stringify(hello));
    if (!this.#hasControl()) this.#open({});
  }

  #open(detail) {
    clearTimeout(this.#readyTimer);
    this.#enter('open', detail);
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
    let { cursor } = frame;
    if (frame.specversion === undefined) {
      cursor = frame.hookswitch?.cursor;
      delete frame.hookswitch;
    } else {
      this.#store.apply(frame, this.#options.view === 'own', this.welcome?.user);
    }
    if (typeof cursor === 'string') this.cursor = cursor;
    this.#call(this.#options.onEvent, frame);
  }

  #control(frame) {
    switch (frame.op) {
      case 'welcome':
        this.#attempts = 0;
        this.welcome = frame;
        if (Array.isArray(frame.snapshot)) this.#store.replace(frame.snapshot);
        else if (!frame.resumed) this.#store.replace([]);
        // After a resume the missed events follow, and each brings its own cursor.
        if (!frame.resumed || this.cursor === undefined) this.cursor = frame.cursor;
        this.#open(frame);
        return this.#keepAlive();
      case 'pong': {
        const ping = this.#pings.shift();
        if (!ping) return;
        clearTimeout(ping.timer);
        // Everything up to there came before it, also to who heard nothing.
        if (typeof frame.cursor === 'string') this.cursor = frame.cursor;
        this.latency_ms = performance.now() - ping.sentAt;
        return ping.resolve({ latency_ms: this.latency_ms, time: frame.time });
      }
      default:
        return this.#call(this.#options.onControl, frame);
    }
  }

  // A browser does not tell of a peer that vanished; a ping without an answer does.
  #keepAlive() {
    if (this.state !== 'open') return;
    clearInterval(this.#pingTimer);
    const every = this.welcome.ping_ms > 0 ? this.welcome.ping_ms : 25_000;
    this.#pingTimer = setInterval(() => this.ping().catch(() => {}), every);
    this.#pingTimer.unref?.();
  }

  #lost(code, reason) {
    this.#hangUp();
    if (STAY_AWAY.has(code)) return this.#enter('closed', { code, reason });
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
      ping.reject(new Error('connection lost'));
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
    if (state === 'closed') globalThis.removeEventListener?.('online', this.#online);
    this.state = state;
    this.#call(this.#options.onState, state, detail);
  }

  // A fault of the page's own code must not cost it the connection.
  #call(callback, ...values) {
    try {
      callback?.(...values);
    } catch (error) {
      (globalThis.reportError ?? console.error)(error);
    }
  }
}

export function connect(options = {}) {
  return new Connection(options);
}
