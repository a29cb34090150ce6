// Why a call is as it is: GET /v1/calls/{id}/explain, in a dialog.
import { $, clockText, make, setText } from './console-view.js';

function factLine({ fact, arrival, why, decisions }) {
  const item = make('li');
  const head = make('p');
  const from = fact.from ?? fact.from_ext;
  const to = fact.to ?? fact.to_ext;
  head.append(make('span', 'when', clockText(fact.at)), make('strong', '', fact.type), make('span', '', fact.source ?? 'time passed'));
  if (from || to) head.append(make('span', '', `${from ?? '–'} → ${to ?? '–'}`));
  if (fact.agent) head.append(make('span', '', `line ${fact.agent}`));
  head.append(make('span', 'soft', `came ${arrival}.`));
  item.append(head, make('p', 'soft', why));
  const list = make('ul');
  for (const { sentence, leg, because } of decisions) list.append(make('li', '', [leg, sentence, because].filter(Boolean).join(': ')));
  item.append(list);
  return item;
}

function section(title, items) {
  if (items.length === 0) return [];
  const list = make('ol');
  list.append(...items);
  return [make('h3', '', title), list];
}

function show(body) {
  $('explanation').replaceChildren(
    ...section('One call because', body.joins.map(({ sentence, source, confidence, evidence, absorbed }) => make('li', '',
      [sentence, source && `Source ${source}.`, evidence && `Both have ${evidence}.`, absorbed && `It took in ${absorbed}.`, `Confidence ${confidence}.`].filter(Boolean).join(' ')))),
    ...section('What was said, in the order in which it counts', body.facts.map(factLine)),
    ...section('Calls that came near', body.not_joined.map(({ call, rule, failed }) => make('li', '', `${call}: ${rule}, but ${failed.replaceAll('_', ' ')}`))),
  );
}

/** Opens the dialog for a call. */
export async function explain(call, token) {
  setText($('explain-heading'), `Call ${call}`);
  $('explanation').replaceChildren(make('p', 'empty', 'One moment…'));
  $('explain').showModal();
  try {
    const answer = await fetch(`/v1/calls/${encodeURIComponent(call)}/explain`, {
      cache: 'no-store', headers: token ? { Authorization: `Bearer ${token}` } : {},
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(answer.status === 404 ? 'The call is no longer kept.' : body.title ?? `The server says ${answer.status}.`);
    show(body);
  } catch (error) {
    $('explanation').replaceChildren(make('p', 'empty', error.message));
  }
}
