// Questions that must be answered before something is lost.

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
