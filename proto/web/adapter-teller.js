// What a page is told, message by message: once each, in the order its clients expect. Knows no page and no network.

const GATED_IN_INACTIVE_TAB = new Set([
  'rc-active-call-notify',
  'rc-ringout-call-notify',
  'rc-telephony-session-notify',
]);

// What is so, in contrast to what happened: told again only when it has changed.
const STATE = new Set([
  'rc-adapter-pushAdapterState',
  'rc-login-status-notify',
  'rc-region-settings-notify',
  'rc-calling-settings-notify',
  'rc-webphone-connection-status-notify',
  'rc-dialer-status-notify',
  'rc-meeting-status-notify',
  'rc-adapter-syncPresence',
]);

const REMEMBERED_MAX = 1000;
const ROUTE_DEBOUNCE_MS = 500;

/** The name under which a message is the same thing again: its type, in Dialpad's dialect its method. */
const nameOf = (message) => message.type ?? message.method;

export const isState = (message) => STATE.has(message.type) || message.method === 'user_authentication';

/** Whether a page message is to be posted, for this tab and these flags. */
export function passesToPage(message, flags, tabIsActive) {
  if (GATED_IN_INACTIVE_TAB.has(message.type)) return tabIsActive || !flags.disableInactiveTabCallEvent;
  if (message.type === 'rc-login-popup-notify') return flags.disableLoginPopup;
  return true;
}

/** For values that come again: remembers the last of each, and no more than a thousand. */
class LastOf {
  #values = new Map();

  /** True when `value` differs from the last one under `key`. */
  changed(key, value) {
    if (this.#values.get(key) === value) return false;
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > REMEMBERED_MAX) this.#values.delete(this.#values.keys().next().value);
    return true;
  }
}

/**
 * Keeps from a page what it has been told: after a reconnect the server says again how things are, and
 * when it could not resume, also what rings. To a page that lived on, that would be a second pop.
 */
export class PageTeller {
  #state = new LastOf();
  #seen = new LastOf();
  #told = new Set(); // types of state

  /** Of the messages of one event or burst, those to post. */
  choose(messages) {
    const logins = messages.filter((message) => message.type === 'rc-login-status-notify');
    return messages.filter((message) => this.#isNews(message, logins));
  }

  #isNews(message, logins) {
    if (isState(message)) {
      const name = nameOf(message);
      const first = !this.#told.has(name);
      this.#told.add(name);
      if (message.type === 'rc-adapter-pushAdapterState') return first; // later ones would move a widget that the user moved
      // "Logged out, logged in" in one breath is how a page begins; to one that is logged in it is a log-out.
      if (!first && message.loggedIn === false && logins.at(-1)?.loggedIn) return false;
      return this.#state.changed(name, JSON.stringify(message));
    }
    const { type, call, payload } = message;
    if (type === 'rc-call-ring-notify') return this.#seen.changed(`ring ${call?.id}`, 'ring');
    if (type === 'rc-active-call-notify' || type === 'rc-ringout-call-notify')
      return this.#seen.changed(`${type} ${call?.sessionId} ${call?.direction}`, `${call?.telephonyStatus} ${call?.terminationType}`);
    if (type === 'rc-telephony-session-notify')
      return this.#seen.changed(`session ${message.telephonySession?.id}`, JSON.stringify(message));
    if (message.method === 'call_ringing') return this.#seen.changed(`ringing ${payload?.id ?? ''}`, payload?.state);
    return true;
  }
}

/** What a page hears that is not, or no longer, logged in. `was`: it has been told that it is. */
export function loggedOut(dialect, was) {
  if (dialect === 'opencti-dialpad')
    return was ? [{ api: 'opencti_dialpad', version: '1.0', method: 'user_authentication', payload: { user_authenticated: false, user_id: was.user_id } }] : [];
  if (dialect !== 'rc-embeddable') return [];
  const presence = { telephonyStatus: null, userStatus: null, dndStatus: null };
  return [
    {
      type: 'rc-adapter-pushAdapterState', size: { width: 300, height: 500 }, minimized: false, closed: false,
      position: { translateX: 0, translateY: 0, minTranslateX: 0, minTranslateY: 0 }, ...presence,
    },
    { type: 'rc-login-status-notify', loggedIn: false, admin: false, features: {}, isFreshLogin: null },
    ...(was ? [
      { type: 'rc-webphone-connection-status-notify', connectionStatus: 'connectionStatus-disconnected' },
      { type: 'rc-dialer-status-notify', ready: false },
      { type: 'rc-adapter-syncPresence', ...presence, presenceOption: null },
    ] : []),
  ];
}

/** Trailing debounce of the route: of many in half a second, a page hears the last. */
export class RouteDebounce {
  #post;
  #timer;

  constructor(post) { this.#post = post; }

  /** True when it took the message. */
  take(message) {
    if (message.type !== 'rc-route-changed-notify') return false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#post(message), ROUTE_DEBOUNCE_MS);
    return true;
  }
}
