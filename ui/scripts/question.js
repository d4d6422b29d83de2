// A grid unlike what the model was trained on: said in a row above the panes, answered there or by drawing it anyway.

import { ask, attempt, emit, grid, on, setTool, state } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';

/** What the user has to answer before anything is drawn; empty where there is nothing. */
export const question = () => grid()?.asks ?? '';

/** @param {HTMLElement} host  a row above the panes */
export function mountQuestion(host) {
  const text = h('span');
  const row = h('div.sd-question-row.sd-warning', { role: 'status', hidden: true }, h('span.sd-notice-icon', { html: icon('warning', 16) }), text,
    h('button', { type: 'button', onclick: () => { setTool('region'); emit('region'); } }, 'Pick another region'),
    h('button', { type: 'button', onclick: () => attempt(() => ask(`documents/${state.document.id}/accept`, {})) }, 'Use it anyway'));
  host.append(row);
  on('document', () => {
    row.hidden = !question();
    text.textContent = question();
  });
}
