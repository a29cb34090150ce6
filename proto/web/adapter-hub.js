// One connection for all tabs of a browser. Lives in a SharedWorker, or in the tab that leads where there is none.
// Knows no page and no worker: `connect` reaches the server, `tell` the tabs.
import { isState } from './adapter-teller.js';

const BACKLOG_MAX = 500; // groups of messages
const COMMANDS_WAITING_MAX = 32;
const COMMAND_FRESH_MS = 5_000; // a call must not be dialled a minute later
const TOKEN_WAIT_MS = 30_000;

// What the server answers to one tab, in contrast to what happened to all. By the command that asks for it.
const REPLY_TO = {
  'rc-adapter-webphone-sessions-sync': 'rc-webphone-sessions-sync',
  'rc-adapter-message-request': 'rc-adapter-message-response',
  'rc-adapter-navigate-to': 'rc-route-changed-notify',
  'rc-adapter-control-call': 'rc-control-call-error',
};
const REPLIES = new Set(Object.values(REPLY_TO));

/** {epoch, offset} of a cursor. */
export function placeOf(cursor) {
  const dot = typeof cursor === 'string' ? cursor.lastIndexOf('.') : -1;
  if (dot < 0) return null;
  const offset = Number(cursor.slice(dot + 1));
  return Number.isSafeInteger(offset) ? { epoch: cursor.slice(0, dot), offset } : null;
}

/** Whether what carries `cursor` is not after `since`: it has been heard. Of another epoch nothing has been heard. */
export function isHeard(cursor, since) {
  const [here, there] = [placeOf(cursor), placeOf(since)];
  return here !== null && there !== null && here.epoch === there.epoch && here.offset <= there.offset;
}

/** Whose token this is, as it says itself: to tell people apart, not to trust. */
export function personOf(token) {
  try {
    const { org, sub } = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    return JSON.stringify([org, sub]);
  } catch {
    return token ?? '';
  }
}

/** A connection whose messages come in groups: those of one event, of which the last carries the cursor, or one answer. */
class Feed {
  #group = [];
  #fresh = true;

  constructor(connect, options, { onGroup, onReply, onState, onLease }) {
    this.connection = connect({
      ...options,
      onLease,
      onState: (state, detail) => {
        if (state === 'open') {
          this.#fresh = true;
          this.#group = []; // of an event that broke off; it comes again, whole
        }
        onState(state, detail);
      },
      onEvent: (message, cursor) => {
        if (REPLIES.has(message.type) && onReply(message)) return;
        this.#group.push(message);
        if (cursor === undefined) return;
        const group = { cursor, messages: this.#group, burst: this.#fresh && this.#group.some(isState) };
        this.#group = [];
        this.#fresh = false;
        onGroup(group);
      },
    });
  }
}

/** The tabs of one person. */
class PersonHub {
  #options;
  #tell;
  #tabs = new Map(); // id -> {visible, focused, since, guest}
  #main = null;
  #backlog = []; // groups of the main connection
  #begins; // cursor before which the backlog knows nothing
  #commands = []; // not sent yet
  #asked = []; // [type of the answer, request id, tab]
  #wanted = null; // resolves with a fresh token
  #leases = new Map();
  #token;
  state = 'connecting';
  detail = {};

  constructor(options, token, tell) {
    this.#options = options;
    this.#token = token;
    this.#tell = tell;
  }

  get size() { return this.#tabs.size; }
  get token() { return this.#token; }

  join(id, { since, visible, focused }) {
    this.#tabs.get(id)?.guest?.connection.close();
    this.#tabs.set(id, { visible, focused, since, guest: null });
    this.#welcome(id);
    this.#focusChanged();
  }

  /** A tab gets its beginning by a connection of its own, for only the server knows how things are. The first of them stays as the one for all. */
  #welcome(id) {
    const tab = this.#tabs.get(id);
    let opened = false;
    const guest = new Feed(this.#options.connect, {
      url: this.#options.url,
      protocol: this.#options.dialect,
      token: this.#token,
      since: tab.since,
      tab: { id: this.#options.id, ...this.#attention() },
      ...(this.#token ? { getToken: () => this.#wantToken() } : {}),
    }, {
      onGroup: (group) => (guest === this.#main ? this.#onGroup(group) : this.#onGuestGroup(id, guest, group)),
      onReply: (message) => guest === this.#main && this.#onReply(message),
      onLease: (lease) => guest === this.#main && this.#onLease(lease),
      onState: (state, detail) => {
        if (guest === this.#main) return this.#onState(state, detail);
        if (tab.guest !== guest) return;
        if (state === 'open') {
          opened = true;
          this.#handOver(id, guest);
        } else if (!this.#main || !opened || state === 'closed') {
          this.#tell(id, { kind: 'state', state, detail });
          if (!this.#main) [this.state, this.detail] = [state, detail];
        }
      },
    });
    guest.early = [];
    tab.guest = guest;
  }

  #onGuestGroup(id, guest, group) {
    if (this.#tabs.get(id)?.guest !== guest) return;
    guest.early.push(group);
    this.#give(id, group);
  }

  #give(id, group) {
    const tab = this.#tabs.get(id);
    tab.since = group.cursor;
    this.#tell(id, { kind: 'group', ...group });
  }

  // When the pong is here, so is everything before it: from there on the main connection serves this tab too.
  async #handOver(id, guest) {
    let place;
    try {
      await guest.connection.ping();
      place = guest.connection.cursor;
    } catch {
      return; // it was lost; it comes back and is open again
    }
    const tab = this.#tabs.get(id);
    if (tab?.guest !== guest) return;
    if (!this.#main) {
      this.#main = guest;
      this.#backlog = guest.early.filter(({ burst }) => !burst);
      this.#begins = guest.early[0]?.cursor ?? place;
      tab.guest = null;
      this.#onState('open', {});
      // It was told of leases before it was the one for all.
      for (const [purpose, lease] of guest.connection.leases ?? []) this.#onLease({ purpose, ...lease });
      this.#focusChanged();
      return;
    }
    const behind = placeOf(this.#begins)?.epoch === placeOf(place)?.epoch && !isHeard(this.#begins, place);
    if (behind && guest.connection.state === 'open') return this.#handOver(id, guest);
    tab.guest = null;
    guest.connection.close();
    for (const group of this.#backlog) if (!isHeard(group.cursor, place)) this.#give(id, group);
    this.#tell(id, { kind: 'state', state: this.state, detail: this.detail });
    for (const lease of this.#leases.values()) this.#tell(id, lease);
  }

  #onGroup(group) {
    if (!group.burst) {
      this.#backlog.push(group);
      if (this.#backlog.length > BACKLOG_MAX) this.#begins = this.#backlog.shift().cursor;
    }
    for (const [id, { guest }] of this.#tabs) if (!guest) this.#give(id, group);
  }

  #onState(state, detail) {
    [this.state, this.detail] = [state, detail];
    for (const [id, { guest }] of this.#tabs) if (!guest) this.#tell(id, { kind: 'state', state, detail });
    if (state === 'open') {
      const now = Date.now();
      for (const { tab, frame, at } of this.#commands.splice(0)) if (now - at <= COMMAND_FRESH_MS) this.send(tab, frame);
    } else {
      this.#asked = []; // their answers went with the connection
    }
  }

  #onReply(message) {
    const at = this.#asked.findIndex(([type, request]) =>
      type === message.type && (request === undefined || request === message.responseId));
    if (at < 0) return message.type !== 'rc-route-changed-notify'; // a route that nobody asked for is news for all
    const [, , tab] = this.#asked.splice(at, 1)[0];
    if (this.#tabs.has(tab)) this.#tell(tab, { kind: 'reply', message });
    return true;
  }

  send(tab, frame) {
    const connection = this.#main?.connection;
    if (connection?.send(frame)) {
      const answer = REPLY_TO[frame.type];
      if (answer) this.#asked.push([answer, frame.type === 'rc-adapter-message-request' ? frame.requestId : undefined, tab]);
      if (this.#asked.length > COMMANDS_WAITING_MAX) this.#asked.shift();
      return;
    }
    this.#commands.push({ tab, frame, at: Date.now() });
    if (this.#commands.length > COMMANDS_WAITING_MAX) this.#commands.shift();
  }

  setToken(token) {
    if (token === this.#token && !this.#wanted && this.state !== 'closed') return;
    this.#token = token;
    if (this.#wanted) {
      this.#wanted.resolve(token); // the connection that asked passes it on
      this.#wanted = null;
      return;
    }
    for (const { connection } of this.#feeds()) {
      if (connection.state === 'closed') continue;
      connection.setToken(token);
      if (connection.state === 'waiting') connection.wake(); // for a token, maybe
    }
    if (this.state === 'closed') this.#begin();
  }

  #wantToken() {
    if (this.#wanted) return this.#wanted.promise;
    const wanted = {};
    wanted.promise = new Promise((resolve, reject) => {
      wanted.resolve = resolve;
      setTimeout(() => {
        if (this.#wanted === wanted) this.#wanted = null;
        reject(new Error('no token'));
      }, TOKEN_WAIT_MS);
    });
    wanted.promise.catch(() => {});
    this.#wanted = wanted;
    for (const id of this.#tabs.keys()) this.#tell(id, { kind: 'token-wanted' });
    return wanted.promise;
  }

  // From a closed connection: all tabs anew, each from where it is.
  #begin() {
    this.#main = null;
    this.state = 'connecting';
    for (const id of this.#tabs.keys()) this.#welcome(id);
  }

  #feeds() { return [this.#main, ...[...this.#tabs.values()].map(({ guest }) => guest)].filter(Boolean); }

  wake() { for (const { connection } of this.#feeds()) connection.wake(); }

  attend(id, visible, focused) {
    const tab = this.#tabs.get(id);
    if (!tab) return;
    Object.assign(tab, { visible, focused });
    this.#tabs.delete(id); // the last one to be looked at is last
    this.#tabs.set(id, tab);
    this.#focusChanged();
  }

  #attention() {
    const tabs = [...this.#tabs.values()];
    return { visible: tabs.some(({ visible }) => visible), focused: tabs.some(({ focused }) => focused) };
  }

  // The server gives leases to browsers, the hub to the tab that is looked at, or was last.
  #focusChanged() {
    const { visible, focused } = this.#attention();
    this.#main?.connection.focus(visible, focused);
    for (const [purpose, lease] of this.#leases) {
      const tab = this.chosen();
      if (lease.tab === null || lease.tab === tab) continue;
      this.#leases.set(purpose, { ...lease, tab });
      for (const id of this.#tabs.keys()) this.#tell(id, this.#leases.get(purpose));
    }
  }

  chosen() {
    const tabs = [...this.#tabs].reverse();
    return (tabs.find(([, { focused }]) => focused) ?? tabs.find(([, { visible }]) => visible) ?? tabs[0])?.[0] ?? null;
  }

  #onLease({ purpose, holder, token, mine }) {
    const lease = { kind: 'lease', purpose, token, tab: mine ? this.chosen() : null };
    this.#leases.set(purpose, lease);
    if (holder === null && purpose !== 'calls') this.#leases.delete(purpose); // a pop that was opened
    for (const id of this.#tabs.keys()) this.#tell(id, lease);
  }

  leave(id) {
    const tab = this.#tabs.get(id);
    if (!tab) return false;
    tab.guest?.connection.close();
    this.#tabs.delete(id);
    this.#focusChanged();
    return true;
  }

  close() { for (const { connection } of this.#feeds()) connection.close(); }
}

/** All tabs of one client page below one origin. A tab without a token shares the login of the others. */
export class TabHub {
  #options;
  #tell;
  #people = new Map(); // person -> PersonHub
  #waiting = new Map(); // tab -> its join, until somebody gives a token

  /** options: {id, dialect, url, connect}; tell(tab, message). */
  constructor(options, tell) {
    this.#options = options;
    this.#tell = tell;
  }

  on(message) {
    const { kind, tab } = message;
    if (kind === 'join') return this.#join(tab, message);
    if (kind === 'token') return this.#token(tab, message.token);
    if (kind === 'logout') return this.#logout(tab);
    if (kind === 'leave') return this.#gone(tab);
    if (kind === 'wake') for (const person of this.#people.values()) person.wake();
    const person = this.#of(tab);
    if (kind === 'send') person?.send(tab, message.frame);
    else if (kind === 'focus') person?.attend(tab, message.visible, message.focused);
  }

  #tabs = new Map(); // tab -> person

  #of(tab) { return this.#people.get(this.#tabs.get(tab)); }

  #join(tab, wish) {
    this.#leave(tab);
    const known = wish.token ? personOf(wish.token) : [...this.#people].findLast(([, hub]) => hub.state !== 'closed')?.[0];
    const person = known ?? '';
    this.#waiting.set(tab, wish);
    this.#tabs.set(tab, person);
    let hub = this.#people.get(person);
    if (!hub) {
      hub = new PersonHub(this.#options, wish.token, this.#tell);
      this.#people.set(person, hub);
    } else if (wish.token && (hub.state === 'closed' || hub.token !== wish.token)) {
      hub.setToken(wish.token);
    }
    hub.join(tab, wish);
  }

  #token(tab, token) {
    const person = personOf(token);
    const wish = this.#waiting.get(tab);
    if (!wish) return;
    if (this.#tabs.get(tab) === person) return this.#people.get(person).setToken(token);
    const others = this.#people.get('')?.state === 'open' ? [] : [...this.#tabs].filter(([, whose]) => whose === '');
    this.#join(tab, { ...wish, token });
    // Tabs that wait for a login have one now.
    for (const [other] of others) if (other !== tab) this.#join(other, { ...this.#waiting.get(other), token });
  }

  // One login, so one log-out: of all tabs of that person.
  #logout(tab) {
    const person = this.#tabs.get(tab);
    const hub = this.#people.get(person);
    if (!hub) return;
    hub.close();
    this.#people.delete(person);
    for (const [other, whose] of this.#tabs) {
      if (whose !== person) continue;
      this.#tabs.set(other, undefined);
      const { token, since, ...wish } = this.#waiting.get(other);
      this.#waiting.set(other, wish);
      this.#tell(other, { kind: 'state', state: 'closed', detail: { code: 1000, reason: 'logout' } });
    }
  }

  // Whoever was the tab that is looked at, is it no longer: another one takes over at once.
  #gone(tab) {
    const hub = this.#of(tab);
    this.#leave(tab);
    const next = hub?.size > 0 ? hub.chosen() : null;
    for (const other of this.#tabs.keys()) this.#tell(other, { kind: 'gone', tab, next });
  }

  #leave(tab) {
    const person = this.#tabs.get(tab);
    const hub = this.#people.get(person);
    this.#tabs.delete(tab);
    this.#waiting.delete(tab);
    if (!hub?.leave(tab) || hub.size > 0) return;
    hub.close();
    this.#people.delete(person);
  }
}
