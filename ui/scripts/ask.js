// Questions that must be answered before the work goes on.

import { ask, attempt, emit, grid, setTool, state } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';

/** Ask in a dialog; resolves to whether the user said yes. Esc is no. */
export function confirmFirst({ title, text, yes, no, danger = false }) {
  return new Promise((resolve) => {
    const dialog = h('dialog.sd-help.sd-question', { 'aria-label': title },
      h('header', {}, h('h2', {}, danger ? '' : h('span.sd-warn', { html: icon('warning', 18) }), title)), h('p', {}, text),
      h('div.sd-row', {}, h('span.sd-spring'), h('button', { type: 'button', onclick: () => dialog.close('no') }, no),
        h(`button${danger ? '.sd-danger' : '.sd-primary'}`, { type: 'button', onclick: () => dialog.close('yes') }, yes)));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    dialog.addEventListener('keydown', (event) => event.stopPropagation());
    document.querySelector('.gradio-container').append(dialog);
    dialog.showModal();
    dialog.querySelector('button').focus();
  });
}

let asking = false;

/** Whether to go on with a grid that is unlike what the model was trained on; true where nothing has to be asked. */
export async function askAboutGrid() {
  const text = grid()?.asks;
  if (!text || asking) return !text;
  asking = true;
  const yes = await confirmFirst({ title: 'Use this region?', text, yes: 'Use it anyway', no: 'Pick another region' });
  asking = false;
  if (yes) return Boolean(await attempt(() => ask(`documents/${state.document.id}/accept`, {})));
  setTool('region');
  emit('region');
  return false;
}

/** Generate was pressed and the server asks first: after a yes, press it again. */
export async function askThenGenerate() {
  if (await askAboutGrid()) document.querySelector('#sd-generate')?.click();
}
