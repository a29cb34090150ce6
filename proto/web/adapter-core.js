// What the adapter page decides, without a page: which origins, which commands, which tab.

// scheme://host[:port]; what a browser reports as an origin, and what a pattern looks like after its wildcards.
const ORIGIN = /^(https?):\/\/(\[[0-9a-f:.]+\]|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::([1-9]\d{0,4}|\*))?$/;
const DEFAULT_PORT = { http: '80', https: '443' };

// As in lib/auth/origin.cpp, which refuses such patterns at start; tests/data/origins.json holds the two together.
// Hosting names under which strangers can have theirs, and what country registries sell names under.
const HOSTING = new Set(('github.io gitlab.io herokuapp.com vercel.app netlify.app web.app firebaseapp.com pages.dev workers.dev ' +
  'azurewebsites.net cloudfront.net appspot.com amazonaws.com onrender.com fly.dev ngrok.io ngrok-free.app glitch.me surge.sh ' +
  'blogspot.com repl.co azurestaticapps.net cloudapp.net trycloudflare.com').split(' '));
const SECOND_LEVEL = /^(?:ac|co|com|edu|gov|go|gob|gouv|mil|net|ne|org|or|me|ltd|plc|sch|nhs|police|asn|id|info|biz|nom|ind|firm|gen)\.[^.]{2}$/;

function isUrl(text) {
  try {
    return Boolean(new URL(text));
  } catch {
    return false;
  }
}

function splitOrigin(text) {
  const parts = ORIGIN.exec(text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
  if (!parts) return null;
  const [, scheme, host, port = DEFAULT_PORT[scheme]] = parts;
  if (port !== '*' && Number(port) > 65_535) return null;
  if (host.startsWith('[') && !isUrl(`http://${host}`)) return null;
  return { scheme, host, port };
}

function hostMatches(host, pattern) {
  if (!pattern.startsWith('*.')) return host === pattern;
  const parent = pattern.slice(2);
  if (!parent.includes('.') || HOSTING.has(parent) || SECOND_LEVEL.test(parent) || /^[\d.]+$/.test(parent)) return false;
  return host.length > parent.length + 1 && host.endsWith(`.${parent}`); // whole labels, one or more, as in frame-ancestors
}

/**
 * Whether an origin is on a list. An entry is exact, or has `*` as the left-most label (one label or
 * more, never none, never above a public suffix), or as the port. A trailing slash or `/*` means
 * nothing. Other shapes match nothing.
 */
export function originAllowed(origin, patterns) {
  const have = typeof origin === 'string' ? splitOrigin(origin) : null;
  if (!have || have.host.includes('*') || have.port === '*') return false;
  return patterns.some((pattern) => {
    const want = splitOrigin(pattern.replace(/\/\*?$/, ''));
    return want !== null && have.scheme === want.scheme && hostMatches(have.host, want.host) &&
      (want.port === '*' || have.port === want.port);
  });
}

/** The parent's origin, or null when the browser does not tell. The referrer is for those without ancestorOrigins. */
export function parentOrigin(ancestorOrigins, referrer) {
  if (ancestorOrigins?.length) return ancestorOrigins[0];
  try {
    return new URL(referrer).origin;
  } catch {
    return null;
  }
}

/** URL flags, read as the widget reads them: any text is on, `=0` and `=false` too; bare or empty is off. */
export function parseFlags(search) {
  const query = new URLSearchParams(search);
  return {
    disableInactiveTabCallEvent: !!query.get('disableInactiveTabCallEvent'),
    disableLoginPopup: !!query.get('disableLoginPopup'),
  };
}

const RC_COMMANDS = new Set([
  'rc-adapter-new-call',
  'rc-adapter-control-call',
  'rc-adapter-set-presence',
  'rc-adapter-login',
  'rc-adapter-logout',
  'rc-adapter-navigate-to',
  'rc-adapter-webphone-sessions-sync',
  'rc-adapter-message-request',
]);
const DIALPAD_COMMANDS = new Set(['initiate_call', 'enable_current_tab', 'hang_up_all_calls']);

const IS_COMMAND = {
  'rc-embeddable': (data) => RC_COMMANDS.has(data.type),
  'opencti-dialpad': (data) => data.api === 'opencti_dialpad' && DIALPAD_COMMANDS.has(data.method),
};

const COMMAND_CHARS_MAX = 16 * 1024;

/** Whether what the page posted is a command of the dialect. Pages post much that is not for us. */
export function isCommand(dialect, data) {
  if (data === null || typeof data !== 'object' || Array.isArray(data) || 'op' in data) return false;
  if (!IS_COMMAND[dialect]?.(data)) return false;
  try {
    return JSON.stringify(data).length <= COMMAND_CHARS_MAX;
  } catch {
    return false; // a circle, or a BigInt: no JSON
  }
}

/** Storage that may be forbidden in a frame: then nothing is kept. */
export class Kept {
  #storage;
  #key;

  constructor(getStorage, key) {
    this.#key = key;
    try {
      this.#storage = getStorage();
    } catch {
      this.#storage = undefined;
    }
  }

  get() {
    try {
      return this.#storage?.getItem(this.#key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  set(value) {
    try {
      if (value === undefined) this.#storage?.removeItem(this.#key);
      else this.#storage?.setItem(this.#key, value);
    } catch { /* full or forbidden */ }
  }
}

/**
 * Which tab was visible or focused last. It stays the active one while all are hidden. Known by what
 * storage holds, and by the channel where storage is forbidden. Nobody has it: everybody is active.
 */
export class ActiveTab {
  #id;
  #kept;
  #channel;
  #heard; // by the channel

  constructor(id, kept, channel) {
    this.#id = id;
    this.#kept = kept;
    this.#channel = channel;
    if (channel) channel.onmessage = (event) => { this.#heard = event.data ?? undefined; };
  }

  take() {
    this.#heard = this.#id;
    this.#kept.set(this.#id);
    this.#channel?.postMessage(this.#id);
  }

  /** Another tab has died. It must not stay the active one. */
  forget(id) {
    if (this.#heard === id) this.#heard = undefined;
    if (this.#kept.get() === id) this.#kept.set(undefined);
  }

  leave() {
    if (!this.active) return;
    this.#kept.set(undefined);
    this.#channel?.postMessage(null);
  }

  get active() {
    const holder = this.#kept.get() ?? this.#heard;
    return holder === undefined || holder === this.#id;
  }
}
