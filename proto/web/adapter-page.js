// The page a CRM puts in its iframe: page messages from the server to the parent, commands back.
import { ActiveTab, Kept, isCommand, originAllowed, parentOrigin, parseFlags } from './adapter-core.js';
import { isHeard } from './adapter-hub.js';
import { Link } from './adapter-link.js';
import { PopupLogin, tokenInCallback, tokenInFragment, usable } from './adapter-login.js';
import { PageTeller, RouteDebounce, loggedOut, passesToPage } from './adapter-teller.js';
import { connect } from './hookswitch.js';

const client = JSON.parse(document.getElementById('client').textContent);
const $ = (id) => document.getElementById(id);
let token = tokenInFragment(location.hash);
// A token must not stay where a screenshot, a bookmark or a history shows it.
if (location.hash) history.replaceState(null, '', location.pathname + location.search);

function say(text) {
  if ($('status').textContent !== text) $('status').textContent = text;
}

const TEXT = {
  4001: 'A token is needed.',
  4002: 'The token has expired. A new one is needed.',
  4003: 'The server did not understand this page.',
  4004: 'The server does not allow this.',
};

function start(pinned) {
  const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  const flags = parseFlags(location.search);
  const kept = new Kept(() => sessionStorage, `hookswitch-cursor:${client.id}`);
  let cursor = kept.get();
  const tab = watchTab(id);
  const teller = new PageTeller();
  const post = (message) => window.parent.postMessage(message, pinned);
  const routes = new RouteDebounce(post);
  const login = new PopupLogin({ loginUrl: client.login_url, callback: `${location.origin}/login.html`, client: client.id });
  let user; // what the page was told of its login
  let isOut = false;
  let state;

  function tell(messages) {
    for (const message of teller.choose(messages)) {
      if (message.type === 'rc-login-status-notify') user = message.loggedIn ? message : undefined;
      if (message.method === 'user_authentication') user = message.payload?.user_authenticated ? message.payload : undefined;
      if (passesToPage(message, flags, tab.active) && !routes.take(message)) post(message);
    }
  }

  function onGroup({ cursor: at, messages, burst }) {
    if (!burst && isHeard(at, cursor)) return;
    isOut = false;
    offerLogin(false);
    if (!isHeard(at, cursor)) kept.set(cursor = at);
    tell(messages);
  }

  function onState(now, { code, reason }) {
    state = now;
    if (state === 'open') say('Connected.');
    else if (state === 'connecting') say('Connecting…');
    else if (state === 'waiting') say(reason === 'no token' ? TEXT[4002] : 'Connection lost. Trying again…');
    if (state !== 'closed' && reason !== 'no token') return;
    if (state === 'closed') say(reason === 'logout' ? 'Signed out.' : code === 4001 && reason === 'auth_invalid' ? 'The token is not valid.' : TEXT[code] ?? 'Connection closed.');
    token = undefined;
    if (reason === 'logout') kept.set(cursor = undefined);
    if (isOut || code === 4003) return;
    isOut = true;
    tell(loggedOut(client.dialect, user));
    offerLogin(true);
  }

  function offerLogin(offered) {
    $('login').hidden = !(offered && login.possible);
  }

  function beginLogin() {
    if (!login.possible || user) return;
    const uri = login.begin();
    if (flags.disableLoginPopup) return post({ type: 'rc-login-popup-notify', oAuthUri: uri });
    login.popup = window.open(uri, 'hookswitch-login', 'popup,width=500,height=650');
    if (!login.popup) offerLogin(true); // blocked: a click of the user is needed
  }

  function take(fresh) {
    if (!fresh) return;
    token = fresh;
    if (state !== 'open') say('Connecting…');
    link.send({ kind: 'token', token });
  }

  const link = new Link({
    tab: id,
    client,
    pinned,
    url: '/v1/events',
    connect,
    join: () => ({ since: cursor, token, visible: document.visibilityState === 'visible', focused: document.hasFocus() }),
    onMessage(message) {
      const { kind } = message;
      if (kind === 'group') onGroup(message);
      else if (kind === 'reply') { if (!routes.take(message.message)) post(message.message); }
      else if (kind === 'state') onState(message.state, message.detail);
      else if (kind === 'token-wanted') post({ type: 'hookswitch-token-wanted' });
      else if (kind === 'gone') {
        tab.forget(message.tab);
        if (message.next === id) tab.take();
      }
      document.documentElement.dataset.link = link.kind; // for who looks into it
    },
  });

  window.addEventListener('message', (event) => {
    const { data } = event;
    if (event.source === login.popup && login.popup) return take(login.fromPopup(event, location.origin));
    if (event.source !== window.parent || event.origin !== pinned || data === null || typeof data !== 'object') return;
    if (data.type === 'hookswitch-token') take(usable(data.token));
    else if (typeof data.callbackUri === 'string') take(tokenInCallback(data.callbackUri).token);
    else if (!isCommand(client.dialect, data)) return;
    else if (data.type === 'rc-adapter-login') beginLogin();
    else if (data.type === 'rc-adapter-logout') { if (user) link.send({ kind: 'logout' }); }
    else link.send({ kind: 'send', frame: data });
  });

  const attend = () => link.send({ kind: 'focus', visible: document.visibilityState === 'visible', focused: document.hasFocus() });
  document.addEventListener('visibilitychange', () => {
    attend();
    if (document.visibilityState === 'visible') link.send({ kind: 'wake' });
  });
  for (const what of ['focus', 'blur']) window.addEventListener(what, attend);
  window.addEventListener('online', () => link.send({ kind: 'wake' }));
  document.addEventListener('resume', () => link.send({ kind: 'wake' }));
  window.addEventListener('pagehide', (event) => { if (!event.persisted) link.close(); });
  $('login-button').addEventListener('click', beginLogin);
}

function watchTab(id) {
  const name = `hookswitch-active-tab:${client.id}`;
  let channel;
  try {
    channel = new BroadcastChannel(name);
  } catch { /* forbidden in this frame */ }
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
