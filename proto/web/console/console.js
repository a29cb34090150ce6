// The console: what is live, what happens, how the daemon is.
import { connect } from './hookswitch.js';
import { explain } from './console-explain.js';
import { showLate, tookEvent, watchHealth } from './console-health.js';
import { Stream } from './console-stream.js';
import { $, legText, make, millisText, partyText, setText, spanText } from './console-view.js';

const CALLS_SHOWN = 200;
const PING_EVERY_MS = 5_000;

// ---- calls

const rows = new Map(); // call id -> {row, call}
let serverAhead_ms = 0; // so that a wrong clock here does not show wrong times
let token = '';

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
  const why = make('button', 'small', 'Explain');
  why.type = 'button';
  why.setAttribute('aria-label', `Explain the call of ${partyText(call.from)}`);
  why.addEventListener('click', () => explain(call.id, token));
  const whyCell = make('td');
  whyCell.append(why);
  row.append(stateCell, make('td', '', call.direction), partyCell(call.from), partyCell(call.to), legsCell(call.legs), make('td', 'number since'), whyCell);
  return row;
}

function showSince({ row, call }) {
  const since = Date.parse(call.answered_at || call.started_at || '');
  const until = call.ended_at ? Date.parse(call.ended_at) : Date.now() + serverAhead_ms;
  setText(row.querySelector('.since'), Number.isNaN(since) ? '–' : spanText(until - since));
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
      const focused = entry?.row.contains(document.activeElement);
      if (entry) entry.row.replaceWith(row);
      if (focused) row.querySelector('button').focus(); // a keyboard must not lose its place
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

// ---- drawing: at most once a frame, whatever the rate of events

let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (connection) showCalls(connection.calls);
    stream.draw();
    showLate();
  });
}

const stream = new Stream(draw);

// ---- connection

let connection = null;
let replaying = false;

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
    replaying = true;
    ping().then(watchHealth); // this client is one of those it shows
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
    replaying = false; // what was missed came before
    setText($('latency'), millisText(latency_ms));
    const server = typeof time === 'number' ? time : Date.parse(time);
    if (!Number.isNaN(server)) serverAhead_ms = server + latency_ms / 2 - Date.now();
  } catch { /* the state tells */ }
}

function open(given) {
  token = given;
  connection?.close();
  connection = connect({
    url: '/v1/events',
    token: token || undefined,
    onState,
    onCalls: draw,
    onEvent(event) {
      tookEvent(event, serverAhead_ms, replaying);
      stream.take(event);
    },
  });
  stream.useToken(token);
}

// ---- start

$('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  open($('token').value.trim());
});
$('explain-close').addEventListener('click', () => $('explain').close());

const inAddress = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
if (inAddress) {
  history.replaceState(null, '', location.pathname + location.search);
  $('token').value = inAddress;
}
open(inAddress);
watchHealth();
setInterval(draw, 1_000);
setInterval(ping, PING_EVERY_MS);
