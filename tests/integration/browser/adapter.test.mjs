// The adapter's decisions, without a page and without a server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { ActiveTab, Kept, isCommand, originAllowed, parentOrigin, parseFlags } from '../../../proto/web/adapter-core.js';
import { PopupLogin, tokenInCallback, tokenInFragment } from '../../../proto/web/adapter-login.js';
import { PageTeller, RouteDebounce, loggedOut, passesToPage } from '../../../proto/web/adapter-teller.js';
import { clock } from './fakes.mjs';

describe('originAllowed', () => {
  // The same file is held against lib/auth/origin.cpp.
  const { vectors } = JSON.parse(readFileSync(new URL('../../data/origins.json', import.meta.url)));

  test('agrees with every vector, and there are five hundred', () => {
    assert.ok(vectors.length >= 500);
    for (const { origin, pattern, allowed } of vectors) {
      assert.equal(originAllowed(origin, ['https://other.example.org', pattern]), allowed, `${JSON.stringify(origin)} on ${JSON.stringify(pattern)}`);
    }
  });

  test('takes nothing but text', () => {
    for (const origin of [null, undefined, 7, {}, ['https://crm.example.com']]) assert.equal(originAllowed(origin, ['https://crm.example.com']), false);
  });
});

describe('the adapter', () => {
  test('knows its parent from the browser first, from the referrer else', () => {
    assert.equal(parentOrigin(['https://a.example.com', 'https://top.example.com'], 'https://b.example.com/x'), 'https://a.example.com');
    assert.equal(parentOrigin(undefined, 'https://b.example.com/x?y'), 'https://b.example.com');
    assert.equal(parentOrigin(undefined, ''), null);
  });

  test('reads flags as the widget does: =0 is on, bare and empty are off', () => {
    const on = (search) => parseFlags(search).disableInactiveTabCallEvent;
    assert.deepEqual(['=1', '=0', '=false', '=', ''].map((value) => on(`?disableInactiveTabCallEvent${value}`)), [true, true, true, false, false]);
    assert.equal(on(''), false);
    assert.equal(parseFlags('?disableLoginPopup=1').disableLoginPopup, true);
  });

  test('takes the token out of the fragment', () => {
    assert.equal(tokenInFragment('#token=a.b-c_d&x=1'), 'a.b-c_d');
    assert.equal(tokenInFragment('#token='), undefined);
    assert.equal(tokenInFragment(''), undefined);
  });

  test('holds back exactly three messages in an inactive tab, and only with the flag', () => {
    const types = ['rc-active-call-notify', 'rc-ringout-call-notify', 'rc-telephony-session-notify', 'rc-call-ring-notify',
      'rc-adapter-syncPresence', 'rc-message-updated-notify'];
    const passing = (flags, active) => types.filter((type) => passesToPage({ type }, flags, active));
    assert.deepEqual(passing({ disableInactiveTabCallEvent: true }, false), types.slice(3));
    assert.deepEqual(passing({ disableInactiveTabCallEvent: true }, true), types);
    assert.deepEqual(passing({ disableInactiveTabCallEvent: false }, false), types);
    assert.equal(passesToPage({ api: 'opencti_dialpad', method: 'call_ringing' }, { disableInactiveTabCallEvent: true }, false), true);
  });

  test('posts the login popup only to a page that disabled it', () => {
    assert.equal(passesToPage({ type: 'rc-login-popup-notify' }, parseFlags('?disableLoginPopup=1'), true), true);
    assert.equal(passesToPage({ type: 'rc-login-popup-notify' }, parseFlags(''), true), false);
  });

  test('forwards the commands of its dialect and nothing else', () => {
    assert.equal(isCommand('rc-embeddable', { type: 'rc-adapter-new-call', phoneNumber: '+12025550143' }), true);
    assert.equal(isCommand('rc-embeddable', { api: 'opencti_dialpad', version: '1.0', method: 'initiate_call' }), false);
    assert.equal(isCommand('opencti-dialpad', { api: 'opencti_dialpad', version: '1.0', method: 'hang_up_all_calls' }), true);
    assert.equal(isCommand('opencti-dialpad', { api: 'opencti_dialpad', method: 'user_authentication' }), false);
    assert.equal(isCommand('elma365', { event: {} }), false);
    const circle = { type: 'rc-adapter-login' };
    circle.self = circle;
    for (const data of [null, undefined, 'rc-adapter-login', 7, [], {}, { type: 'rc-call-ring-notify' }, circle,
      { type: 'rc-adapter-login', op: 'hello' }, { type: 'rc-adapter-login', text: 'x'.repeat(20_000) }]) {
      assert.equal(isCommand('rc-embeddable', data), false);
    }
  });

  test('keeps nothing, and fails at nothing, where storage is forbidden', () => {
    const kept = new Kept(() => { throw new Error('SecurityError'); }, 'k');
    kept.set('v');
    assert.equal(kept.get(), undefined);
  });
});

describe('what a page is told', () => {
  const types = (messages) => messages.map(({ type, method }) => type ?? method);
  const state = { type: 'rc-adapter-pushAdapterState', telephonyStatus: 'NoCall' };
  const login = (loggedIn) => ({ type: 'rc-login-status-notify', loggedIn });
  const presence = (telephonyStatus) => ({ type: 'rc-adapter-syncPresence', telephonyStatus });
  const ring = (id) => ({ type: 'rc-call-ring-notify', call: { id } });
  const active = (telephonyStatus, sessionId = '1') => ({ type: 'rc-active-call-notify', call: { sessionId, direction: 'Inbound', telephonyStatus } });
  const ringing = (id, onOff) => ({ api: 'opencti_dialpad', version: '1.0', method: 'call_ringing', payload: { id, state: onOff } });

  test('begins with all that the server says, the first log-out too', () => {
    const burst = [state, login(false), login(true), presence('NoCall')];
    assert.deepEqual(new PageTeller().choose(burst), burst);
  });

  test('after a reconnect is only what has changed: no adapter state, no log-out, no ring', () => {
    const teller = new PageTeller();
    teller.choose([state, login(false), login(true), presence('NoCall')]);
    teller.choose([ring('a'), active('Ringing'), presence('Ringing')]);
    assert.deepEqual(types(teller.choose([{ ...state, telephonyStatus: 'Ringing' }, login(false), login(true), presence('CallConnected'), ring('a'), active('Ringing')])),
      ['rc-adapter-syncPresence']);
    assert.deepEqual(types(teller.choose([ring('b'), active('CallConnected')])), ['rc-call-ring-notify', 'rc-active-call-notify']);
  });

  test('of active calls is each change of status once, for each call', () => {
    const teller = new PageTeller();
    const heard = ['Ringing', 'Ringing', 'CallConnected', 'OnHold', 'CallConnected', 'CallConnected']
      .flatMap((status) => teller.choose([active(status), active(status, '2')])).map(({ call }) => `${call.sessionId} ${call.telephonyStatus}`);
    assert.deepEqual(heard.filter((each) => each[0] === '1'), ['1 Ringing', '1 CallConnected', '1 OnHold', '1 CallConnected']);
    assert.equal(heard.length, 8);
  });

  test('of a Dialpad call is one on and one off', () => {
    const teller = new PageTeller();
    const all = [ringing(1, 'on'), ringing(1, 'on'), ringing(2, 'on'), ringing(1, 'off'), ringing(1, 'off')];
    assert.deepEqual(teller.choose(all).map(({ payload }) => `${payload.id} ${payload.state}`), ['1 on', '2 on', '1 off']);
  });

  test('is a log-out and a log-in that really happened', () => {
    const teller = new PageTeller();
    teller.choose([state, login(true)]);
    assert.deepEqual(types(teller.choose([login(false)])), ['rc-login-status-notify']);
    assert.deepEqual(types(teller.choose([login(false), login(true)])), ['rc-login-status-notify']);
  });

  test('without a login is a complete adapter state and the log-out, in Dialpad nothing that nobody knows', () => {
    const [first, second, ...more] = loggedOut('rc-embeddable');
    assert.deepEqual(types([first, second, ...more]), ['rc-adapter-pushAdapterState', 'rc-login-status-notify']);
    assert.ok(first.size.width && 'translateX' in first.position && 'dndStatus' in first); // the vendor's loader fails without
    assert.equal(second.loggedIn, false);
    assert.deepEqual(loggedOut('opencti-dialpad'), []);
    assert.deepEqual(loggedOut('opencti-dialpad', { user_id: 7 })[0].payload, { user_authenticated: false, user_id: 7 });
  });

  test('grows no memory without bounds', () => {
    const teller = new PageTeller();
    for (let i = 0; i < 1_500; i++) teller.choose([ring(`c${i}`)]);
    assert.equal(teller.choose([ring('c1499')]).length, 0);
    assert.equal(teller.choose([ring('c0')]).length, 1); // forgotten, long over
  });
});

describe('the route', () => {
  beforeEach(() => clock.enable());
  afterEach(() => clock.reset());

  test('is told half a second after its last change, once', () => {
    const posted = [];
    const routes = new RouteDebounce((message) => posted.push(message.path));
    assert.equal(routes.take({ type: 'rc-call-ring-notify' }), false);
    for (const path of ['/dialer', '/history', '/settings']) {
      assert.equal(routes.take({ type: 'rc-route-changed-notify', path }), true);
      clock.tick(499);
    }
    assert.deepEqual(posted, []);
    clock.tick(1);
    assert.deepEqual(posted, ['/settings']);
  });
});

describe('a login', () => {
  const uri = (more) => `https://cti.example.com/login.html${more}`;

  test('comes back with a token in the fragment or the query', () => {
    assert.deepEqual(tokenInCallback(uri('#token=a.b.c&state=s')), { token: 'a.b.c', state: 's' });
    assert.deepEqual(tokenInCallback(uri('?access_token=a.b.c')), { token: 'a.b.c', state: undefined });
    for (const wrong of [uri(''), uri('#token='), 'no address', undefined, uri(`#token=${'x'.repeat(8193)}`)]) assert.equal(tokenInCallback(wrong).token, undefined);
  });

  const begun = (loginUrl = 'https://sso.example.com/authorize?prompt=login') => {
    const login = new PopupLogin({ loginUrl, callback: uri(''), client: 'crm', random: () => 'state-1' });
    const address = new URL(login.begin());
    login.popup = { name: 'the pop-up' };
    return { login, address };
  };

  test('opens the configured address and says where to come back to', () => {
    const { searchParams, origin } = begun().address;
    assert.equal(origin, 'https://sso.example.com');
    assert.deepEqual(Object.fromEntries(searchParams), { prompt: 'login', client_id: 'crm', response_type: 'token', redirect_uri: uri(''), state: 'state-1' });
  });

  test('takes an answer with its own state, once', () => {
    const { login } = begun();
    assert.equal(login.finish(uri('#token=t&state=other')), undefined);
    assert.equal(login.finish(uri('#token=t')), undefined);
    assert.equal(login.finish(uri('#token=t&state=state-1')), 't');
    assert.equal(login.finish(uri('#token=t&state=state-1')), undefined);
  });

  test('takes a message from the pop-up it opened only, and from two origins only', () => {
    const own = 'https://cti.example.com';
    const callbackUri = uri('#token=t&state=state-1');
    const from = (event) => begun().login.fromPopup(event, own);
    const { login } = begun();
    const source = login.popup;
    assert.equal(login.fromPopup({ source: {}, origin: own, data: { callbackUri } }, own), undefined);
    assert.equal(login.fromPopup({ source, origin: 'https://evil.example', data: { callbackUri } }, own), undefined);
    assert.equal(login.fromPopup({ source, origin: 'https://evil.example', data: { type: 'hookswitch-token', token: 't' } }, own), undefined);
    assert.equal(login.fromPopup({ source, origin: 'https://sso.example.com', data: { callbackUri } }, own), undefined);
    assert.equal(login.fromPopup({ source, origin: 'https://sso.example.com', data: { type: 'hookswitch-token', token: 't2' } }, own), 't2');
    assert.equal(login.fromPopup({ source, origin: own, data: { callbackUri } }, own), 't');
    assert.equal(from({ source: null, origin: own, data: { callbackUri } }), undefined);
  });
});

describe('ActiveTab', () => {
  const storage = () => {
    const map = new Map();
    return { getItem: (k) => map.get(k) ?? null, setItem: (k, v) => map.set(k, v), removeItem: (k) => map.delete(k) };
  };

  test('is the one that was visible or focused last', () => {
    const shared = storage();
    const [a, b] = ['a', 'b'].map((id) => new ActiveTab(id, new Kept(() => shared, 'k')));
    assert.deepEqual([a.active, b.active], [true, true]); // nobody took it yet
    a.take();
    assert.deepEqual([a.active, b.active], [true, false]);
    b.take();
    assert.deepEqual([a.active, b.active], [false, true]);
    a.leave(); // was not the active one
    assert.deepEqual([a.active, b.active], [false, true]);
    b.leave();
    assert.equal(a.active, true);
  });

  test('is none when the active one has died', () => {
    const shared = storage();
    const [a, b] = ['a', 'b'].map((id) => new ActiveTab(id, new Kept(() => shared, 'k')));
    a.take();
    b.forget('c');
    assert.equal(b.active, false);
    b.forget('a');
    assert.equal(b.active, true);
  });

  test('is told by the channel where storage is forbidden', () => {
    const ends = [{}, {}];
    ends.forEach((end, i) => { end.postMessage = (data) => ends[1 - i].onmessage({ data }); });
    const forbidden = () => { throw new Error('SecurityError'); };
    const [a, b] = ends.map((end, i) => new ActiveTab(`${i}`, new Kept(forbidden, 'k'), end));
    a.take();
    assert.deepEqual([a.active, b.active], [true, false]);
    b.take();
    assert.deepEqual([a.active, b.active], [false, true]);
  });
});
