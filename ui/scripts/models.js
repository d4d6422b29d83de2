// The catalogue in a dialog: every model and patch encoder, its licence, and how to get what is not here.

import { ask, attempt } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';

const TITLE = 'All models and patch encoders: pixel sizes, licences, how to get them';

/** A button that opens the catalogue; it stands beside a choice of models. A small one is a sign without words. */
export const modelsButton = ({ small = false } = {}) => h(`button.sd-models-button${small ? '.sd-icon' : ''}`, {
  type: 'button', 'aria-haspopup': 'dialog', title: TITLE, onclick: (event) => showModels(event.currentTarget), ...(small ? { 'aria-label': 'Models and patch encoders', html: icon('info', 16) } : {}),
}, ...(small ? [] : ['Models…']));

let opening = false;

async function showModels(opener) {
  if (opening || document.querySelector('.sd-models')) return;
  opening = true;
  const listing = await attempt(() => ask('models'));
  opening = false;
  if (!listing) return;
  const dialog = h('dialog.sd-help.sd-models', { 'aria-label': 'Models and patch encoders' },
    h('header', {}, h('h2', {}, 'Models and patch encoders'), h('button.sd-icon', { type: 'button', 'aria-label': 'Close', html: icon('close', 16), onclick: () => dialog.close() })),
    h('p.sd-models-note', {}, 'A model draws from embeddings of one patch encoder, at the pixel sizes that it was trained at. Nothing is fetched by this page.'),
    table('Models', ['Model', 'Draws', 'Encoder', 'Cell', 'Pixel size', 'Licence', 'Here'], listing.models,
      (row) => [row.id, row.draws, row.encoder, `${row.cell_px} px`, row.pixel_sizes, row.licence]),
    table('Patch encoders', ['Encoder', 'Trained on', 'Numbers', 'Patch', 'Pixel size', 'Licence', 'Here'], listing.encoders,
      (row) => [row.id, row.sees, String(row.dim), `${row.patch_px} px`, row.pixel_sizes, row.gated ? `${row.licence}, gated` : row.licence]));
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => {
    dialog.remove();
    // the bar may have been drawn anew meanwhile, with another button
    (opener.isConnected ? opener : [...document.querySelectorAll('.sd-models-button')].find((button) => button.getClientRects().length))?.focus();
  });
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
  document.querySelector('.gradio-container').append(dialog);
  dialog.showModal();
}

function table(title, heads, rows, cells) {
  const body = h('tbody', {}, ...rows.flatMap((row) => lines(row, cells(row), heads.length)));
  return h('section', {}, h('h3', {}, title), h('table', { 'aria-label': title }, h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)))), body));
}

/** The row of a table; where something is not here, a second row with the way to it, closed at first. */
function lines(row, cells, width) {
  const [name, ...others] = cells;
  const way = row.present ? null : h('tr.sd-how', { hidden: true }, h('td', { colspan: String(width) }, ...commands(row.how_to_get)));
  const here = row.present ? h('span.sd-present', {}, 'yes') : h('button', { type: 'button', 'aria-expanded': 'false', 'aria-label': `How to get ${row.id}`, onclick: (event) => {
    way.hidden = !way.hidden;
    event.currentTarget.setAttribute('aria-expanded', String(!way.hidden));
  } }, 'How to get it');
  return [h('tr', { 'data-id': row.id }, h('th', { scope: 'row' }, name), ...others.map((text) => h('td', {}, text)), h('td', {}, here)), way].filter(Boolean);
}

/** Words, with what is to be typed in a fixed pitch. */
function commands(text) {
  return text.split(/(`[^`]+`|ssldiff convert .+$|hf download .+$)/m).filter(Boolean).map((part) => (
    /^(`|ssldiff convert |hf download )/.test(part) ? h('code', {}, part.replaceAll('`', '')) : part));
}
