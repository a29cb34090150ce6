// The page a CRM puts in its iframe: page messages from the server to the parent, commands back.
import { connect } from './hookswitch.js';
import {
  ActiveTab, CommandQueue, Kept, isCommand, originAllowed, parentOrigin, parseFlags, passesToPage, tokenInFragment,
} from './adapter-core.js';

const TOKEN_CHARS_MAX = 8192;

const client = JSON.parse(document.getElementById('client').textContent);
const token = tokenInFragment(location.hash);
// A token must not stay where a screenshot, a bookmark or a history shows it.
if (location.hash) history.replaceState(null, '', location.pathname + location.search);

function say(text) {
  document.getElementById('status').textContent = text;
}

function start(pinned) {
  const flags = parseFlags(location.search);
  const cursor = new Kept(() => sessionStorage, `hookswitch-cursor:${client.id}`);
  const early = new CommandQueue();
  const tab = watchTab();
  let connection = null;

  function offerLogin(uri) {
    if (!/^https?:\/\//i.test(uri)) return;
    document.getElementById('login-link').href = uri;
    document.getElementById('login').hidden = false;
  }

  function onEvent(message) {
    if (passesToPage(message, flags, tab.active)) window.parent.postMessage(message, pinned);
    else if (message.type === 'rc-login-popup-notify') offerLogin(String(message.oAuthUri));
    cursor.set(connection.cursor);
  }

  function onState(state, { code, reason }) {
    if (state === 'open') {
      say('Connected.');
      for (const command of early.take(Date.now())) connection.send(command);
    } else if (state === 'connecting') {
      say('Connecting…');
    } else if (state === 'waiting') {
      say('Connection lost. Trying again…');
    } else if (state === 'closed') {
      say({
        4001: reason === 'auth_invalid' ? 'The token is not valid.' : 'A token is needed.',
        4002: 'The token has expired. A new one is needed.',
        4003: 'The server did not understand this page.',
        4004: 'The server does not allow this.',
      }[code] ?? 'Connection closed.');
    }
  }

  function open(withToken) {
    if (connection && connection.state !== 'closed') return connection.setToken(withToken);
    connection = connect({
      url: '/v1/events', protocol: client.dialect, token: withToken, since: cursor.get(), onEvent, onState,
    });
  }

  window.addEventListener('message', (event) => {
    if (event.source !== window.parent || event.origin !== pinned) return;
    const { data } = event;
    if (data?.type === 'hookswitch-token') {
      if (typeof data.token === 'string' && data.token && data.token.length <= TOKEN_CHARS_MAX) open(data.token);
    } else if (isCommand(client.dialect, data) && !connection.send(data)) {
      early.push(data, Date.now());
    }
  });

  open(token); // without a token: the server may allow that, else it says 4001 and the parent's token is awaited
}

function watchTab() {
  const name = `hookswitch-active-tab:${client.id}`;
  let channel;
  try {
    channel = new BroadcastChannel(name);
  } catch { /* forbidden in this frame */ }
  const id = `${Date.now()}-${Math.random()}`;
  const tab = new ActiveTab(id, new Kept(() => localStorage, name), channel);
  const takeIfVisible = () => document.visibilityState === 'visible' && tab.take();
  takeIfVisible();
  document.addEventListener('visibilitychange', takeIfVisible);
  window.addEventListener('focus', () => tab.take());
  window.addEventListener('pagehide', () => tab.leave());
  window.addEventListener('pageshow', takeIfVisible);
  return tab;
}

if (window.parent === window) {
  say('This page is for an iframe of an application, and does nothing by itself.');
} else {
  const origin = parentOrigin(location.ancestorOrigins, document.referrer);
  // "null" (a sandbox, a file) is on no list: it cannot be pinned, so any page in that place could read along.
  if (originAllowed(origin, client.origins)) start(origin);
  else if (origin === null) say('The browser does not tell which application is around this frame.');
  else say('The application around this frame is not on the list of allowed origins.');
}
