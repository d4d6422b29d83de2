// The sheet of keys.

import { h } from './format.js';
import { icon } from './icons.js';

const SHEET = [
  ['Tools', [['B', 'Brush'], ['M', 'Rectangle'], ['G', 'Fill connected cells'], ['L', 'Lasso: select cells'], ['I', 'Eyedropper (Alt while painting)'], ['E', 'Erase'], ['R', 'Pick a region'], ['H', 'Move the view (Space while painting)']]],
  ['Painting', [['[ ]', 'Brush smaller, larger; under a cell it leaves true borders'], ['{ }', 'Strength down, up'], ['T', 'Sampled, mean, texture'], ['1 – 9', 'Select a swatch'], ['Ctrl Z', 'Undo'], ['Ctrl Shift Z', 'Redo'], ['Shift click', 'With the eyedropper: a swatch of one cell']]],
  ['Selection', [['Shift drag', 'Add to the selection'], ['Alt drag', 'Take away from it'], ['Ctrl A', 'Select all'], ['Ctrl D', 'Deselect'], ['Ctrl C', 'Copy'], ['Ctrl X', 'Cut'], ['Ctrl V', 'Paste, here or in another document'], ['Del', 'Erase the selection']]],
  ['Palette', [['Drag', 'Around points: select them; on a swatch: reorder'], ['Ctrl click', 'Mark swatches, to merge them'], ['F2', 'Rename'], ['Alt ↑ ↓', 'Move a swatch']]],
  ['View', [['\\', 'Grid on, off'], ['V', 'Side by side, curtain, blink, one alone'], ['X', 'Blink: the other of reference and result'], ['F', 'Fit the region'], ['+ −', 'Zoom'], ['Wheel', 'Zoom at the pointer']]],
  ['Image', [['Ctrl Enter', 'Draw'], ['Esc', 'Cancel'], ['?', 'This sheet']]],
];

let dialog = null;

function build() {
  const close = h('button.sd-icon', { type: 'button', 'aria-label': 'Close', html: icon('close', 16), onclick: closeHelp });
  const group = ([title, rows]) => h('section', {}, h('h3', {}, title), h('dl', {}, ...rows.flatMap(([keys, text]) => [
    h('dt', {}, ...keys.split(' ').map((key) => h('kbd', {}, key))), h('dd', {}, text)])));
  const made = h('dialog.sd-help', { 'aria-label': 'Keys' }, h('header', {}, h('h2', {}, 'Keys'), close), h('div.sd-help-groups', {}, ...SHEET.map(group)));
  made.addEventListener('click', (event) => event.target === made && closeHelp());
  document.querySelector('.gradio-container').append(made);
  return made;
}

export const helpIsOpen = () => Boolean(dialog?.open);

export function closeHelp() {
  dialog?.close();
}

export function toggleHelp() {
  dialog ??= build();
  if (dialog.open) dialog.close();
  else dialog.showModal();
}
