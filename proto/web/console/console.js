// The console: what is live, what happens, how the daemon is. Everything from outside is shown by textContent.
import { connect } from './hookswitch.js';

const EVENTS_KEPT = 500;
const CALLS_SHOWN = 200;
const PING_EVERY_MS = 5_000;
const HEALTH_EVERY_MS = 5_000;

const $ = (id) => document.getElementById(id);

// A caller chooses names: marks that cannot be seen, or that turn the writing around, are spelled out.
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const plain = (text) => String(text).replace(UNSEEN, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);

function make(tag, className, text) {
  const out = document.createElement(tag);
  if (className) out.className = className;
  if (text !== undefined) out.textContent = plain(text);
  return out;
}

// ---- words

const partyText = (party) => party?.number || party?.ext || party?.presented || party?.aor || '–';
const legText = (leg) => [leg.user, leg.ext].filter(Boolean).join(' · ') || leg.number || leg.role || 'leg';

function eventText({ data, subject }) {
  const { call, leg } = data ?? {};
  if (!call) return subject ?? '';
  const who = leg && (leg.user || leg.ext) ? ` · ${legText(leg)}` : '';
  const why = call.state === 'ended' && call.disposition ? ` · ${call.disposition}` : '';
  return `${partyText(call.from)} → ${partyText(call.to)}${who}${why}`;
}

function clockText(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '–';
  const two = (n) => String(n).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

function spanText(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const tail = `${String(Math.floor(s / 60) % 60).padStart(s < 3600 ? 1 : 2, '0')}:${String(s % 60).padStart(2, '0')}`;
  return s < 3600 ? tail : `${Math.floor(s / 3600)}:${tail}`;
}

// ---- calls

const rows = new Map(); // call id -> {row, call}
let serverAhead_ms = 0; // so that a wrong clock here does not show wrong times

function partyCell(party) {
  const cell = make('td', '', partyText(party));
  if (party?.name) cell.append(make('div', 'name', party.name));
  return cell;
}

function legsCell(legs) {
  const list = make('ul');
  for (const leg of legs ?? []) {
    const item = make('li', 'leg');
    item.dataset.state = leg.state;
    item.append(make('span', '', legText(leg)), make('span', 'reason', leg.end_reason || leg.state));
    list.append(item);
  }
  const cell = make('td');
  cell.append(list);
  return cell;
}

function callRow(call) {
  const row = make('tr');
  row.dataset.state = call.state;
  row.dataset.call = call.id;
  const state = make('span', 'state', call.state === 'ended' && call.disposition ? `ended, ${call.disposition}` : call.state);
  state.dataset.state = call.state;
  const stateCell = make('td');
  stateCell.append(state);
  row.append(stateCell, make('td', '', call.direction), partyCell(call.from), partyCell(call.to), legsCell(call.legs), make('td', 'number'));
  return row;
}

function showSince({ row, call }) {
  const since = Date.parse(call.answered_at || call.started_at || '');
  const until = call.ended_at ? Date.parse(call.ended_at) : Date.now() + serverAhead_ms;
  const text = Number.isNaN(since) ? '–' : spanText(until - since);
  if (row.lastChild.textContent !== text) row.lastChild.textContent = text;
}

function showCalls(calls) {
  const newest = [...calls.values()].sort((a, b) => (a.started_at ?? '') < (b.started_at ?? '') ? 1 : -1);
  const shown = newest.slice(0, CALLS_SHOWN);
  const keep = new Set(shown.map((call) => call.id));
  for (const [id, { row }] of rows) {
    if (keep.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  const body = $('calls');
  shown.forEach((call, place) => {
    let entry = rows.get(call.id);
    if (entry?.call !== call) { // the store puts a new object in place for every change
      const row = callRow(call);
      entry?.row.remove();
      entry = { row, call };
      rows.set(call.id, entry);
    }
    if (body.children[place] !== entry.row) body.insertBefore(entry.row, body.children[place] ?? null);
    showSince(entry);
  });
  const live = newest.filter((call) => call.state !== 'ended').length;
  setText($('calls-count'), String(live));
  $('no-calls').hidden = shown.length > 0;
  $('more-calls').hidden = newest.length <= CALLS_SHOWN;
  setText($('more-calls'), `${newest.length - CALLS_SHOWN} older calls are not shown.`);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // unchanged text must not be read out again
}

// ---- events

let kept = []; // newest last, at most EVENTS_KEPT
let fresh = []; // of these, not yet drawn
let seen = 0;
let paused = false;

function remember(event) {
  seen++;
  kept.push(event);
  fresh.push(event);
  if (kept.length > 2 * EVENTS_KEPT) kept = kept.slice(-EVENTS_KEPT);
  if (fresh.length > 2 * EVENTS_KEPT) fresh = fresh.slice(-EVENTS_KEPT);
}

const passes = (event) => String(event.type).toLowerCase().includes($('filter').value.trim().toLowerCase());

function eventItem(event) {
  const details = make('details');
  const summary = make('summary');
  summary.append(make('time', 'when', clockText(event.time)), make('span', 'type', event.type), make('span', 'what', eventText(event)));
  details.append(summary);
  // Written out only when somebody looks.
  details.addEventListener('toggle', () => {
    if (details.open && !details.querySelector('pre')) details.append(make('pre', '', JSON.stringify(event, null, 2)));
  });
  const item = make('li');
  item.append(details);
  return item;
}

function drawEvents(events) {
  const list = $('events');
  // A reader who scrolled down keeps the place.
  const below = list.scrollTop > 0 ? list.scrollHeight - list.scrollTop : null;
  list.prepend(...events.slice(-EVENTS_KEPT).filter(passes).reverse().map(eventItem));
  while (list.children.length > EVENTS_KEPT) list.lastChild.remove();
  if (below !== null) list.scrollTop = list.scrollHeight - below;
}

function showEvents() {
  if (!paused && fresh.length) {
    drawEvents(fresh);
    fresh = [];
  }
  setText($('events-count'), paused && fresh.length ? `${seen} · ${fresh.length} waiting` : String(seen));
  $('no-events').hidden = $('events').children.length > 0;
  setText($('no-events'), seen === 0 ? 'No events yet.' : 'No events of this type.');
}

function redrawEvents() {
  $('events').replaceChildren();
  drawEvents(kept.slice(0, kept.length - fresh.length)); // what waits is the end of what is kept
  showEvents();
}

// ---- drawing: at most once a frame, whatever the rate of events

let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (connection) showCalls(connection.calls);
    showEvents();
  });
}

// ---- connection

let connection = null;

function onState(state, detail) {
  const text = {
    connecting: 'Connecting…',
    open: 'Live',
    waiting: 'Lost, trying again…',
    closed: {
      4001: detail.reason === 'auth_invalid' ? 'The token is not valid' : 'A token is needed',
      4002: 'The token has expired',
      4004: 'Not allowed',
    }[detail.code] ?? 'Closed',
  }[state];
  $('connection').dataset.state = state;
  setText($('connection'), text);
  if (state === 'open') {
    setText($('org'), detail.user ? `${detail.org} · ${detail.user}` : detail.org ?? '–');
    ping();
  } else {
    setText($('latency'), '–');
  }
  if (state === 'closed' && [4001, 4002].includes(detail.code)) $('token').focus();
  draw();
}

async function ping() {
  if (connection?.state !== 'open') return;
  try {
    const { latency_ms, time } = await connection.ping();
    setText($('latency'), latency_ms < 10 ? `${latency_ms.toFixed(1)} ms` : `${Math.round(latency_ms)} ms`);
    const server = typeof time === 'number' ? time : Date.parse(time);
    if (!Number.isNaN(server)) serverAhead_ms = server + latency_ms / 2 - Date.now();
  } catch { /* the state tells */ }
}

function open(token) {
  connection?.close();
  connection = connect({
    url: '/v1/events',
    token: token || undefined,
    onState,
    onEvent(event) {
      remember(event);
      draw();
    },
  });
}

// ---- health

function showHealth(status, checks) {
  $('health').dataset.state = status;
  setText($('health'), { ok: 'All good', degraded: 'Degraded', unreachable: 'Unreachable' }[status] ?? status);
  $('checks').replaceChildren(...checks.map(({ name, ok, detail }) => {
    const item = make('li');
    item.dataset.ok = String(ok === true);
    const mark = make('span', 'mark', ok === true ? '✓' : '✕');
    mark.setAttribute('aria-hidden', 'true');
    const title = make('span', '', name);
    if (ok !== true) title.append(make('span', 'hidden', ' is not well'));
    item.append(mark, title);
    if (detail) item.append(make('span', 'detail', detail));
    return item;
  }));
  setText($('health-time'), `As of ${new Date().toLocaleTimeString()}`);
}

async function watchHealth() {
  try {
    const answer = await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(4_000) });
    const body = await answer.json(); // 503 too says why
    const all = [{ name: 'journal', ...body.journal }, ...(Array.isArray(body.sources) ? body.sources : [])];
    const checks = all.map(({ name, ok, reason }) => ({ name: String(name), ok, detail: reason }));
    showHealth(checks.every(({ ok }) => ok === true) ? 'ok' : 'degraded', checks);
  } catch {
    showHealth('unreachable', []);
  }
  setTimeout(watchHealth, HEALTH_EVERY_MS);
}

// ---- start

$('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  open($('token').value.trim());
});
$('filter').addEventListener('input', redrawEvents);
$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', String(paused));
  draw();
});
$('clear').addEventListener('click', () => {
  kept = [];
  fresh = [];
  seen = 0;
  $('events').replaceChildren();
  draw();
});

const given = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
if (given) {
  history.replaceState(null, '', location.pathname + location.search);
  $('token').value = given;
}
open(given);
watchHealth();
setInterval(draw, 1_000);
setInterval(ping, PING_EVERY_MS);
