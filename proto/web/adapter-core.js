// What the adapter page decides, without a page: which origins, which messages, which tab.

// scheme://host[:port]; what a browser reports as an origin, and what a pattern looks like after its wildcards.
const ORIGIN = /^(https?):\/\/(\[[0-9a-f:.]+\]|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::(\d{1,5}|\*))?$/;
const DEFAULT_PORT = { http: '80', https: '443' };

function splitOrigin(text) {
  const parts = ORIGIN.exec(text.toLowerCase());
  if (!parts) return null;
  const [, scheme, host, port = DEFAULT_PORT[scheme]] = parts;
  return { scheme, host, port };
}

function hostMatches(host, pattern) {
  if (!pattern.startsWith('*.')) return host === pattern;
  const parent = pattern.slice(1); // with its dot, so that nothing but whole labels can come before it
  // As in frame-ancestors: one label or more. Never all names below a top-level domain.
  return parent.indexOf('.', 1) !== -1 && host.length > parent.length && host.endsWith(parent);
}

/**
 * Whether an origin is on a list. An entry is exact, or has `*` as the left-most label (one label or
 * more, never none), or as the port. A trailing slash or `/*` means nothing. Other shapes match nothing.
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

/** The token in a URL fragment, or undefined. */
export function tokenInFragment(hash) {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') || undefined;
}

const GATED_IN_INACTIVE_TAB = new Set([
  'rc-active-call-notify',
  'rc-ringout-call-notify',
  'rc-telephony-session-notify',
]);

/** Whether a page message is to be posted, for this tab and these flags. */
export function passesToPage(message, flags, tabIsActive) {
  if (GATED_IN_INACTIVE_TAB.has(message.type)) return tabIsActive || !flags.disableInactiveTabCallEvent;
  if (message.type === 'rc-login-popup-notify') return flags.disableLoginPopup;
  return true;
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

/** Commands posted before the connection is open. Few and fresh: a call must not be dialled a minute later. */
export class CommandQueue {
  #waiting = [];

  push(command, now) {
    this.#waiting.push({ command, now });
    if (this.#waiting.length > 32) this.#waiting.shift();
  }

  /** Takes all that are not older than five seconds. */
  take(now) {
    return this.#waiting.splice(0).filter((each) => now - each.now <= 5000).map((each) => each.command);
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
