// For pages that were written for a vendor's widget and look closely: at the ids of its elements, at the origin and the source of
// its messages. The page's owner puts this script first into the page. What it is told by data-… attributes: proto/web/README.md.
(() => {
  'use strict';
  const script = document.currentScript;
  const { origin: server, search } = new URL(script.src);
  const { client, token, frame: selector, origin: asked } = script.dataset;
  if (!client) throw new Error('hookswitch adapter.js: data-client is missing');
  const origin = asked ? new URL(asked).origin : server;
  const query = new URLSearchParams(search);
  const prefix = query.get('prefix') || 'rc-widget';
  query.delete('prefix');
  const EARLY_MAX = 32;

  const address = new URL(`/apps/${encodeURIComponent(client)}`, server);
  address.search = query;
  if (token) address.hash = new URLSearchParams({ token });

  function makeFrame(id, src) {
    const frame = document.createElement('iframe');
    frame.id = id;
    frame.title = 'Telephone';
    frame.allow = 'microphone; autoplay; speaker-selection';
    frame.src = src;
    return frame;
  }

  // Nothing to pretend: the adapter's own frame has the name that pages look for.
  const pretends = origin !== server || Boolean(selector);
  const real = makeFrame(pretends ? `${prefix}-hookswitch-frame` : `${prefix}-adapter-frame`, address.href);
  let shown = pretends ? null : real; // the frame that the page knows
  let alive = false;
  const early = [];

  /** To the adapter, and to nobody else whoever may have got into the frame. */
  function send(data) {
    if (alive) real.contentWindow.postMessage(data, server);
    else if (early.push(data) > EARLY_MAX) early.shift();
  }

  // A frame of the page's own origin whose window takes what the page posts, whatever vendor it is addressed to.
  function dress(frame) {
    const take = (data, target) => {
      const to = typeof target === 'object' && target !== null ? target.targetOrigin : target;
      if (to === '*' || to === origin || to === `${origin}/`) send(structuredClone(data));
    };
    const put = () => {
      try {
        Object.defineProperty(frame.contentWindow, 'postMessage', { value: take, configurable: true, writable: true });
      } catch { /* still somebody else's page; load comes again */ }
    };
    shown = frame;
    frame.addEventListener('load', put);
    if (frame.getAttribute('src') && frame.src !== 'about:blank') frame.src = 'about:blank';
    put();
  }

  window.addEventListener('message', (event) => {
    if (event.origin !== server || event.source !== real.contentWindow || !event.isTrusted) return;
    if (!alive) {
      alive = true;
      for (const data of early.splice(0)) send(data);
    }
    if (!pretends) return;
    event.stopImmediatePropagation();
    if (shown) window.dispatchEvent(new MessageEvent('message', { data: event.data, origin, source: shown.contentWindow }));
  }, true);

  function place() {
    let container = document.getElementById(prefix);
    if (!container) {
      container = document.createElement('div');
      container.id = prefix;
      document.body.append(container);
    }
    if (pretends) real.hidden = true;
    container.append(real);
    real.addEventListener('load', () => setTimeout(() => { // a page that hears nothing at first still takes commands
      alive = true;
      for (const data of early.splice(0)) send(data);
    }, 1_000));
    if (!pretends) return;
    if (!selector) {
      const frame = makeFrame(`${prefix}-adapter-frame`, 'about:blank');
      container.append(frame);
      return dress(frame);
    }
    const found = () => {
      const frame = document.querySelector(selector);
      if (frame && frame !== shown) dress(frame);
    };
    found();
    new MutationObserver(found).observe(document.documentElement, { childList: true, subtree: true }); // frameworks make it anew
  }

  if (document.body) place();
  else document.addEventListener('DOMContentLoaded', place, { once: true });

  // The names under which pages call the vendor's loader.
  const ask = (type, more) => send({ type, ...more });
  let requests = 0;
  window.RCAdapter ??= {
    clickToCall: (phoneNumber, toCall = false) => ask('rc-adapter-new-call', { phoneNumber, toCall }),
    clickToSMS: (phoneNumber, text) => ask('rc-adapter-new-sms', { phoneNumber, text }),
    controlCall: (callAction, callId, options) => ask('rc-adapter-control-call', { callAction, callId, options }),
    navigateTo: (path) => ask('rc-adapter-navigate-to', { path }),
    logoutUser: () => ask('rc-adapter-logout'),
    updateCallingSetting: (settings) => ask('rc-calling-settings-update', settings),
    getCallLog: (body) => ask('rc-adapter-message-request', { requestId: `adapter-${++requests}`, path: '/get-call-log', body }),
  };
})();
