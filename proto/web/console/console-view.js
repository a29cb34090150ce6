// How the console writes. Everything from outside is shown by textContent.

export const $ = (id) => document.getElementById(id);

// A caller chooses names: marks that cannot be seen, or that turn the writing around, are spelled out.
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
export const plain = (text) => String(text).replace(UNSEEN, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);

export function make(tag, className, text) {
  const out = document.createElement(tag);
  if (className) out.className = className;
  if (text !== undefined) out.textContent = plain(text);
  return out;
}

/** Unchanged text must not be read out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const partyText = (party) => party?.number || party?.ext || party?.presented || party?.aor || '–';
export const legText = (leg) => [leg.user, leg.ext].filter(Boolean).join(' · ') || leg.number || leg.role || 'leg';

export function clockText(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '–';
  const two = (n) => String(n).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

export function spanText(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const tail = `${String(Math.floor(s / 60) % 60).padStart(s < 3600 ? 1 : 2, '0')}:${String(s % 60).padStart(2, '0')}`;
  return s < 3600 ? tail : `${Math.floor(s / 3600)}:${tail}`;
}

export const millisText = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);

/** Replaces the rows of a description list, if they have changed. */
export function setFacts(list, rows) {
  const text = JSON.stringify(rows);
  if (list.dataset.rows === text) return;
  list.dataset.rows = text;
  list.replaceChildren(...rows.flatMap(([name, value]) => [make('dt', '', name), make('dd', '', value)]));
}
