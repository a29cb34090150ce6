// The event stream, and beside it what a page of each dialect would get of it.
import { connect } from './hookswitch.js';
import { $, clockText, legText, make, partyText, setText } from './console-view.js';

const KEPT = 500;

function eventText({ data, subject }) {
  const { call, leg } = data ?? {};
  if (!call) return subject ?? '';
  const who = leg && (leg.user || leg.ext) ? ` · ${legText(leg)}` : '';
  const why = call.state === 'ended' && call.disposition ? ` · ${call.disposition}` : '';
  return `${partyText(call.from)} → ${partyText(call.to)}${who}${why}`;
}

/** What a page message says, in a line. */
function messageText(message) {
  const { call, payload, event, telephonySession, path } = message;
  const end = (party) => (typeof party === 'object' ? party?.phoneNumber : party) ?? '–';
  if (call) return `${end(call.from)} → ${end(call.to)} · ${call.callStatus ?? call.telephonyStatus ?? ''}`;
  if (event) return `${event.srcPhone ?? '–'} → ${event.dstPhone ?? '–'} · ${event.disposition ?? ''}`;
  if (telephonySession) return (telephonySession.parties ?? []).map(({ status }) => status?.code).join(' · ');
  if (payload) return [payload.state, payload.external_number, payload.user_id].filter((each) => each !== undefined).join(' · ');
  const { ready, connectionStatus, callWith, countryCode } = message;
  if (ready !== undefined) return ready ? 'ready' : 'not ready';
  return path ?? message.telephonyStatus ?? connectionStatus ?? callWith ?? countryCode ?? (message.loggedIn === undefined ? '' : message.loggedIn ? 'logged in' : 'logged out');
}

const nameOf = (entry) => String(entry.type ?? entry.method ?? entry.event?.event ?? 'message');

/** One list of entries, newest first, of which it draws those that pass the filter. */
class Feed {
  kept = []; // newest last
  fresh = []; // of these, not yet drawn
  seen = 0;

  remember(entry) {
    this.seen++;
    for (const name of ['kept', 'fresh']) {
      this[name].push(entry);
      if (this[name].length > 2 * KEPT) this[name] = this[name].slice(-KEPT);
    }
  }
}

export class Stream {
  #feeds = new Map([['events', new Feed()]]);
  #shown = 'events';
  #paused = false;
  #preview = null;
  #token;
  #draw;

  /** draw(): asks for draw() here, once a frame. */
  constructor(draw) {
    this.#draw = draw;
    $('filter').addEventListener('input', () => this.#redraw());
    $('pause').addEventListener('click', () => {
      this.#paused = !this.#paused;
      $('pause').setAttribute('aria-pressed', String(this.#paused));
      this.draw();
    });
    $('clear').addEventListener('click', () => {
      this.#feeds.set(this.#shown, new Feed());
      this.#redraw();
    });
    $('as').addEventListener('change', () => this.#show($('as').value));
  }

  get #feed() { return this.#feeds.get(this.#shown); }

  take(event) {
    this.#feeds.get('events').remember({ entry: event, at: event.time, text: eventText(event) });
    this.#draw();
  }

  /** A preview goes with the token of the console: pages are told what their person may know. */
  useToken(token) {
    this.#token = token;
    if (this.#shown !== 'events') this.#show(this.#shown);
  }

  #show(what) {
    this.#preview?.close();
    this.#preview = null;
    this.#shown = what;
    setText($('events-heading'), what === 'events' ? 'Events' : 'What a page gets');
    if (what !== 'events') {
      const feed = new Feed(); // a page begins anew as well
      this.#feeds.set(what, feed);
      this.#preview = connect({
        url: '/v1/events',
        protocol: what,
        token: this.#token || undefined,
        onEvent: (message) => {
          feed.remember({ entry: message, at: Date.now(), text: messageText(message) });
          this.#draw();
        },
      });
    }
    this.#redraw();
  }

  #item({ entry, at, text }) {
    const details = make('details');
    const summary = make('summary');
    summary.append(make('time', 'when', clockText(at)), make('span', 'type', nameOf(entry)), make('span', 'what', text));
    details.append(summary);
    // Written out only when somebody looks.
    details.addEventListener('toggle', () => {
      if (details.open && !details.querySelector('pre')) details.append(make('pre', '', JSON.stringify(entry, null, 2)));
    });
    const item = make('li');
    item.append(details);
    return item;
  }

  #passes({ entry, text }) {
    const wanted = $('filter').value.trim().toLowerCase();
    return wanted === '' || nameOf(entry).toLowerCase().includes(wanted) || text.toLowerCase().includes(wanted);
  }

  #put(entries) {
    const list = $('events');
    // A reader who scrolled down keeps the place.
    const log = $('log');
    const below = log.scrollTop > 0 ? log.scrollHeight - log.scrollTop : null;
    list.prepend(...entries.slice(-KEPT).filter((each) => this.#passes(each)).reverse().map((each) => this.#item(each)));
    while (list.children.length > KEPT) list.lastChild.remove();
    if (below !== null) log.scrollTop = log.scrollHeight - below;
  }

  draw() {
    const feed = this.#feed;
    if (!this.#paused && feed.fresh.length) {
      this.#put(feed.fresh);
      feed.fresh = [];
    }
    setText($('events-count'), this.#paused && feed.fresh.length ? `${feed.seen} · ${feed.fresh.length} waiting` : String(feed.seen));
    $('no-events').hidden = $('events').children.length > 0;
    setText($('no-events'), feed.seen === 0 ? (this.#shown === 'events' ? 'No events yet.' : 'No messages yet.') : 'Nothing that passes the filter.');
  }

  #redraw() {
    $('events').replaceChildren();
    const feed = this.#feed;
    this.#put(feed.kept.slice(0, feed.kept.length - feed.fresh.length)); // what waits is the end of what is kept
    this.draw();
  }
}
