// How a tab reaches the hub: in a SharedWorker; in whichever tab leads, by BroadcastChannel and Web Locks; or in itself.
import { TabHub } from './adapter-hub.js';

const WORKER_HELLO_MS = 3_000;
const FOR_EVER = new Promise(() => {});

const tabLock = (tab) => `hookswitch-tab ${tab}`;

/** A hub that also learns of tabs that die without a word: their lock is free then. */
export function serveTabs(options, tell, locks) {
  const hub = new TabHub({ ...options, id: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`, client: options.id }, tell);
  const watched = new Set();
  return {
    on(message) {
      const { kind, tab, locked } = message;
      hub.on(message);
      if (kind !== 'join' || !locked || !locks || watched.has(tab)) return;
      watched.add(tab);
      locks.request(tabLock(tab), { mode: 'shared' }, () => {
        watched.delete(tab);
        hub.on({ kind: 'leave', tab });
      }).catch(() => {});
    },
  };
}

/**
 * Joins the hub of this client and parent origin, and joins again when it dies. `join()` gives what to
 * say of this tab; `onMessage` hears the hub. Resolves nothing: whatever is there is used.
 */
export class Link {
  #options;
  #name;
  #env;
  #post = null; // to the hub
  #locked = false;
  #closed = false;
  kind = 'none';

  /** options: {tab, client: {id, dialect}, pinned, url, connect, join, onMessage}; env: what the browser has. */
  constructor(options, env = globalThis) {
    this.#options = options;
    this.#env = env;
    this.#name = JSON.stringify(['1', options.client.id, options.client.dialect, options.pinned]);
    this.#start();
  }

  get #locks() { return this.#env.navigator?.locks; }

  async #start() {
    this.#locked = await this.#hold(tabLock(this.#options.tab));
    if (this.#closed) return;
    if (this.#env.SharedWorker) this.#useWorker();
    else this.#useTabs();
  }

  /** Takes a lock for as long as this tab lives. */
  #hold(name) {
    return new Promise((resolve) => {
      if (!this.#locks) return resolve(false);
      this.#locks.request(name, () => {
        resolve(true);
        return FOR_EVER;
      }).catch(() => resolve(false)); // forbidden in this frame
    });
  }

  #join() { this.send({ kind: 'join', locked: this.#locked, ...this.#options.join() }); }

  #useWorker() {
    let worker;
    try {
      worker = new this.#env.SharedWorker('/adapter-worker.js', { type: 'module', name: this.#name });
    } catch {
      return this.#useTabs();
    }
    let alive = false;
    const giveUp = () => {
      if (alive || this.kind !== 'worker') return;
      worker.port.close();
      this.#useTabs();
    };
    this.kind = 'worker';
    worker.onerror = giveUp; // an old browser without module workers
    setTimeout(giveUp, WORKER_HELLO_MS);
    worker.port.onmessage = ({ data }) => {
      if (data.kind === 'hello') {
        alive = true;
        this.#post = (message) => worker.port.postMessage(message);
        this.#join();
        if (data.lock && this.#locks) this.#locks.request(data.lock, () => this.#relink(worker)).catch(() => {});
      } else if (!this.#closed) {
        this.#options.onMessage(data);
      }
    };
  }

  // The worker has died under living tabs.
  #relink(worker) {
    worker.port.close();
    this.#post = null;
    if (!this.#closed) this.#useWorker();
  }

  #useTabs() {
    let channel = null;
    try {
      channel = this.#locks && this.#locked && this.#env.BroadcastChannel ? new this.#env.BroadcastChannel(`hookswitch ${this.#name}`) : null;
    } catch { /* forbidden in this frame */ }
    if (!channel) {
      this.kind = 'alone';
      return this.#lead(null);
    }
    this.kind = 'tabs';
    this.#post = (message) => channel.postMessage({ hub: message });
    channel.onmessage = ({ data }) => {
      if (this.#closed) return;
      if (data.hub) this.#serve?.(data.hub);
      else if (data.leads) this.#join();
      else if (data.to === this.#options.tab) this.#options.onMessage(data.message);
    };
    this.#locks.request(`hookswitch-lead ${this.#name}`, () => {
      if (this.#closed) return undefined;
      this.#lead(channel);
      return FOR_EVER;
    }).catch(() => this.#lead(null));
    this.#join(); // somebody may lead already
  }

  #serve = null;

  #lead(channel) {
    const { tab, client, url, connect } = this.#options;
    const hub = serveTabs({ id: client.id, dialect: client.dialect, url, connect }, (to, message) => {
      if (to === tab) queueMicrotask(() => this.#closed || this.#options.onMessage(message));
      else channel?.postMessage({ to, message });
    }, channel ? this.#locks : null);
    this.#serve = (message) => hub.on(message);
    this.#post = this.#serve;
    channel?.postMessage({ leads: tab });
    this.#join();
  }

  /** Says something to the hub; what is said while there is none is in the next join. */
  send(message) {
    if (!this.#post) return false;
    this.#post({ ...message, tab: this.#options.tab });
    return true;
  }

  close() {
    this.send({ kind: 'leave' });
    this.#closed = true;
  }
}
