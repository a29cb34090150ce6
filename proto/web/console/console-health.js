// How the daemon is: sources, clients, how late events are.
import { $, make, millisText, setFacts, setText } from './console-view.js';

const EVERY_MS = 5_000;
const LATE_KEPT = 500;

/** Samples of the Prometheus text format, as far as the daemon writes it: name -> [{labels, value}]. */
export function readMetrics(text) {
  const out = new Map();
  for (const [, name, labels = '', value] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)) {
    const pairs = Object.fromEntries([...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]));
    if (!out.has(name)) out.set(name, []);
    out.get(name).push({ labels: pairs, value: Number(value) });
  }
  return out;
}

/** The value below which `part` of them lie. */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

let late = []; // ms from the event's time to now
let before = null; // {at, facts: source -> count}

/** How old an event is when it is here, by the server's clock. What comes by a replay is old, not late. */
export function tookEvent(event, serverAhead_ms, replayed) {
  const age = Date.now() + serverAhead_ms - Date.parse(event.time);
  if (replayed || !(age > -1_000 && age < 60_000)) return;
  late.push(Math.max(0, age));
  if (late.length > 2 * LATE_KEPT) late = late.slice(-LATE_KEPT);
}

export function showLate() {
  setText($('late'), late.length ? `${millisText(quantile(late, 0.5))} · ${millisText(quantile(late, 0.99))}` : '–');
}

function showHealth(status, checks) {
  $('health').dataset.state = status;
  setText($('health'), { ok: 'All good', degraded: 'Degraded', unreachable: 'Unreachable' }[status] ?? status);
  const text = JSON.stringify(checks);
  if ($('checks').dataset.rows === text) return;
  $('checks').dataset.rows = text;
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
}

const read = async (path, how) => how(await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(4_000) }));

function showClients(metrics) {
  const one = (name) => metrics.get(`hookswitch_${name}`)?.[0]?.value ?? 0;
  const sum = (name) => (metrics.get(`hookswitch_${name}`) ?? []).reduce((all, { value }) => all + value, 0);
  const reasons = (name, label) => (metrics.get(`hookswitch_${name}`) ?? []).filter(({ value }) => value > 0)
    .map(({ labels, value }) => [`${labels[label].replaceAll('_', ' ')}`, String(value)]);
  setFacts($('clients'), [
    ['connected', String(one('clients'))],
    ['WebSockets', String(one('websockets'))],
    ['event streams', String(one('event_streams'))],
    ['frames sent', String(one('client_frames_total'))],
    ['resumed', String((metrics.get('hookswitch_client_resumes_total') ?? []).find(({ labels }) => labels.outcome === 'resumed')?.value ?? 0)],
    ['silent, cut off', String(one('client_silent_total'))],
    ['refused', String(sum('client_refusals_total'))],
    ...reasons('client_disconnects_total', 'reason').map(([name, value]) => [`closed: ${name}`, value]),
  ]);
}

/** Facts of each source: all, and a second lately. */
function factsOf(metrics) {
  const now = { at: performance.now(), facts: new Map() };
  for (const { labels, value } of metrics.get('hookswitch_source_facts_total') ?? []) now.facts.set(labels.source, value);
  const out = new Map();
  for (const [source, value] of now.facts) {
    const rate = before ? (value - (before.facts.get(source) ?? 0)) / ((now.at - before.at) / 1000) : 0;
    out.set(source, `${value} facts${rate >= 0.05 ? `, ${rate.toFixed(1)}/s` : ''}`);
  }
  before = now;
  return out;
}

let next;

/** Looks now, and again every five seconds. */
export async function watchHealth() {
  clearTimeout(next);
  try {
    // A listener without this part answers 404: then there is less to see.
    const metrics = await read('/metrics', async (answer) => readMetrics(answer.ok ? await answer.text() : ''));
    const facts = factsOf(metrics);
    showClients(metrics);
    const body = await read('/readyz', (answer) => answer.json()); // 503 too says why
    const all = [{ name: 'journal', ...body.journal }, ...(Array.isArray(body.sources) ? body.sources : [])];
    const checks = all.map(({ name, ok, reason }) => ({ name: String(name), ok, detail: [reason, facts.get(name)].filter(Boolean).join(' · ') }));
    showHealth(checks.every(({ ok }) => ok === true) ? 'ok' : 'degraded', checks);
    setText($('health-time'), `As of ${new Date().toLocaleTimeString()}`);
  } catch {
    showHealth('unreachable', []);
  }
  clearTimeout(next);
  next = setTimeout(watchHealth, EVERY_MS);
}
