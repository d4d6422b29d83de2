// A larger canvas: rows and columns more on any side. What was drawn stays as it is.

import { ask, attempt, currentResult, grid, on, state } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';

const SIDES = [['top', 'Rows above'], ['left', 'Columns on the left'], ['right', 'Columns on the right'], ['bottom', 'Rows below']];

/** Cells that the shown result has not, because the canvas has grown since; 0 where it has not. */
export function newCells() {
  const [facts, record] = [grid(), currentResult()];
  if (!facts || !record) return 0;
  const drawn = (record.width / facts.cell_px) * (record.height / facts.cell_px);
  return Math.max(0, facts.rows * facts.cols - drawn);
}

/** A button with a form: how many cells on which side. */
export function growButton() {
  const fields = SIDES.map(([side, label]) => h('input', { type: 'number', min: '0', max: '64', value: '0', 'aria-label': label, title: label, 'data-side': side, oninput: () => show() }));
  const middle = h('span.sd-grow-middle');
  const submit = h('button.sd-primary', { type: 'submit', id: 'sd-grow-now' }, 'Grow');
  const panel = h('form.sd-popover.sd-grow', { hidden: true, 'aria-label': 'Grow the canvas', onsubmit: (event) => { event.preventDefault(); grow(); } },
    h('strong', {}, 'Grow the canvas'), h('div.sd-grow-sides', {}, ...fields, middle),
    h('p', {}, 'The new cells repeat those beside them; paint or describe them before you draw. What was drawn stays as it is.'), h('div.sd-row', {}, h('span.sd-spring'), submit));
  const button = h('button.sd-icon', { type: 'button', id: 'sd-grow', title: 'Grow the canvas: rows and columns more', 'aria-label': 'Grow the canvas', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', html: icon('grow', 16), onclick: () => toggle(panel.hidden) });
  const element = h('div.sd-menu-anchor', { hidden: true }, button, panel);
  const value = (side) => Number(fields.find((field) => field.dataset.side === side).value) || 0;
  const show = () => {
    if (!grid()) return;
    const [rows, cols] = [grid().rows + value('top') + value('bottom'), grid().cols + value('left') + value('right')];
    middle.textContent = `${rows} × ${cols}`;
    submit.disabled = rows === grid().rows && cols === grid().cols;
  };
  const toggle = (open) => {
    panel.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (!open) return;
    for (const field of fields) field.value = '0';
    show();
    fields[0].select();
  };
  const grow = async () => {
    const answer = await attempt(() => ask(`documents/${state.document.id}/grow`, Object.fromEntries(SIDES.map(([side]) => [side, value(side)]))));
    if (answer) toggle(false);
  };
  document.addEventListener('pointerdown', (event) => element.contains(event.target) || toggle(false));
  panel.addEventListener('keydown', (event) => event.key === 'Escape' && (event.stopPropagation(), toggle(false), button.focus()));
  on('document', () => {
    element.hidden = !grid();
    if (!panel.hidden) show();
  });
  return element;
}
