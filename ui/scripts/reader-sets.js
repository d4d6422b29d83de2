// Blinded reader sets of the open document: make one, hand its address to readers, take out key and scores.

import { ask, attempt, currentResult, notify, state, url } from './store.js';
import { formatAge, h } from './format.js';
import { icon } from './icons.js';

const SIDES = [128, 256, 512];

/** The dialog: the sets there are, and a form for another. */
export async function openReaderSets() {
  const answer = await attempt(() => ask(`documents/${state.document.id}/reader-sets`));
  if (!answer) return;
  const list = h('div.sd-reader-sets');
  const close = h('button.sd-icon', { type: 'button', 'aria-label': 'Close', html: icon('close', 16), onclick: () => dialog.close() });
  const dialog = h('dialog.sd-help.sd-readers', { 'aria-label': 'Blinded reader sets' },
    h('header', {}, h('h2', {}, 'Blinded reader sets'), close),
    h('p', {}, 'Crops of results and of the same places of the reference, under random names. Readers say which are synthetic; the key stays here, sealed by its sha256.'),
    form((made) => list.prepend(row(made))), list);
  list.append(...answer.sets.map(row));
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
  document.querySelector('.gradio-container').append(dialog);
  dialog.showModal();
}

function form(made) {
  const record = currentResult();
  const sides = SIDES.filter((side) => side <= Math.min(record.width, record.height));
  const count = h('input', { type: 'number', min: '2', max: '200', value: '20', 'aria-label': 'Images' });
  const side = h('select', { 'aria-label': 'Size' }, ...sides.map((one) => h('option', { value: one, selected: one === (sides.includes(256) ? 256 : sides[0]) }, `${one} × ${one} px`)));
  const all = h('input', { type: 'checkbox' });
  all.checked = true;
  const submit = h('button.sd-primary', { type: 'submit' }, 'Make a set');
  return h('form.sd-row', { onsubmit: async (event) => {
    event.preventDefault();
    submit.disabled = true;
    const results = all.checked ? state.document.results.map((one) => one.id) : [record.id];
    const set = await attempt(() => ask(`documents/${state.document.id}/reader-sets`, { results, count: Number(count.value), side_px: Number(side.value) }));
    submit.disabled = false;
    if (set) made(set);
  } }, count, h('span', {}, 'images of'), side, h('label.sd-check', {}, all, h('span', {}, 'from all results')), h('span.sd-spring'), submit);
}

function row(set) {
  const base = `documents/${state.document.id}/reader-sets/${set.id}`;
  const address = url(`reader-sets/${set.id}/read`);
  const link = (what, text) => h('a', { href: url(`${base}/${what}`), download: '', 'data-set': what }, text);
  return h('section.sd-reader-set', {},
    h('div', {}, h('strong', {}, `${set.count} images · ${set.side_px} px`), h('small', {}, `${formatAge(set.created)} · ${set.readers} reader${set.readers === 1 ? '' : 's'} · key ${set.key_sha256.slice(0, 12)}…`)),
    h('div.sd-row', {}, h('a', { href: address, target: '_blank', rel: 'noopener', 'data-set': 'read' }, 'Open the quiz'),
      h('button', { type: 'button', onclick: () => navigator.clipboard?.writeText(address).then(() => notify('The address is copied: give it to your readers.', 'info')) }, 'Copy its address'),
      h('span.sd-spring'), link('images.zip', 'Images'), link('key.csv', 'Key (CSV)'), link('scores.csv', 'Scores (CSV)')));
}
