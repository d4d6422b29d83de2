// Annotations (GeoJSON) and label masks as a layout: a file is dropped or chosen, and a dialog asks which swatch a class is.

import { ask, attempt, grid, notify, read, state, swatches, url } from './store.js';
import { chooseTab } from './tabs.js';
import { h } from './format.js';
import { icon } from './icons.js';

const FILES = /\.(geojson|json|png|tiff?|bmp|gif)$/i;
const OTHERS = [['', 'Leave out'], ['erase', 'Erase: leave it to the model']];

/** Files dropped on the panes of an open layout. @param {HTMLElement} host */
export function takeDrops(host) {
  const wanted = (event) => grid() && [...event.dataTransfer.types].includes('Files');
  host.addEventListener('dragover', (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    host.classList.add('sd-dropping');
  });
  host.addEventListener('dragleave', (event) => host.contains(event.relatedTarget) || host.classList.remove('sd-dropping'));
  host.addEventListener('drop', (event) => {
    host.classList.remove('sd-dropping');
    if (!wanted(event)) return;
    event.preventDefault();
    loadAnnotations(event.dataTransfer.files[0]);
  });
}

/** A field that takes a file for the open layout; it is asked for by its click(). */
export const annotationsInput = () => {
  const input = h('input.sd-hidden', { type: 'file', id: 'sd-annotations', accept: '.geojson,.json,.png,.tif,.tiff,.bmp,.gif', 'aria-label': 'Annotations or a label mask', tabindex: '-1', onchange: () => {
    if (input.files[0]) loadAnnotations(input.files[0]);
    input.value = '';
  } });
  return input;
};

async function loadAnnotations(file) {
  if (!FILES.test(file.name)) return notify('A layout comes from annotations (.geojson) or a label mask (.png, .tif). Scenes are opened with Open.', 'info');
  const form = new FormData();
  form.append('file', file);
  const found = await attempt(async () => read(await fetch(url(`documents/${state.document.id}/annotations`), { method: 'POST', body: form }).catch(() => null)));
  if (found) showDialog(file.name, found);
  return undefined;
}

function showDialog(name, found) {
  const rows = found.classes.map((one) => ({ one, select: choice(one) }));
  const message = h('p.sd-describe-message', { role: 'alert', hidden: true });
  const lay = h('button.sd-primary', { type: 'submit', id: 'sd-lay-annotations' }, 'Lay it out');
  const dialog = h('dialog.sd-help.sd-question.sd-annotations', { 'aria-label': 'Annotations as a layout' },
    h('header', {}, h('h2', {}, 'Which swatch is it?'), h('button.sd-icon', { type: 'button', 'aria-label': 'Close', html: icon('close', 16), onclick: () => dialog.close() })),
    h('p', {}, `${name} lies ${found.place}.${leftOut(found)}`),
    h('form', { onsubmit: (event) => { event.preventDefault(); submit(); } },
      h('div.sd-classes', {}, ...rows.map(({ one, select }) => h('label', {}, h('span.sd-chip', { style: `background:${one.colour || '#808080'}` }), h('span', {}, h('strong', {}, one.name || 'Without a class'), h('small', {}, `${one.areas} area${one.areas === 1 ? '' : 's'}`)), select))),
      message, h('div.sd-row', {}, h('span.sd-spring'), h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'), lay)));
  const submit = async () => {
    lay.disabled = true;
    const chosen = Object.fromEntries(rows.map(({ one, select }) => [one.name, select.value]));
    const error = await ask(`documents/${state.document.id}/annotations/lay`, { token: found.token, swatches: chosen }).then(() => null, (refused) => refused);
    lay.disabled = false;
    message.hidden = !error;
    message.textContent = error?.message ?? '';
    if (error) return;
    dialog.close();
    chooseTab('paint');
  };
  const show = () => { lay.disabled = rows.every(({ select }) => !select.value); };
  dialog.addEventListener('change', show);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
  document.querySelector('.gradio-container').append(dialog);
  dialog.showModal();
  show();
}

function choice({ name, swatch }) {
  const options = [...swatches().map((one) => [one.id, one.name]), ...OTHERS];
  return h('select', { 'aria-label': `Swatch for ${name || 'areas without a class'}` }, ...options.map(([value, text]) => h('option', { value, selected: value === swatch }, text)));
}

function leftOut({ left_out: counts, ignored }) {
  const parts = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  if (ignored) parts.push(`${ignored} ignored area${ignored === 1 ? '' : 's'} are left to the model`);
  return parts.length ? ` Left out: ${parts.join(', ')}.` : '';
}
