// The pixel sizes that the model knows, each with the cells that the picked region holds at it.

import { state } from './store.js';
import { formatLength, h } from './format.js';
import { cellsAt, pixelSizes, regionPixelSize, resizeCells } from './region.js';

const FEW = 4;

/** Whether a region has too few cells to compose with. */
export const tooFew = ({ rows, cols }) => Math.min(rows, cols) < FEW;

export function sizeChoice() {
  const chosen = regionPixelSize();
  const group = h('div.sd-segments.sd-sizes', { role: 'radiogroup', 'aria-label': 'Pixel size' });
  for (const size of pixelSizes()) group.append(button(size, chosen));
  return h('div.sd-field', {}, h('span', {}, 'Read at'), group);
}

function button(size, chosen) {
  const cells = state.region ? cellsAt(size) : null;
  const none = cells && (cells.rows < 1 || cells.cols < 1);
  const few = cells && !none && tooFew(cells);
  const text = !cells ? '' : none ? 'no cell' : `${cells.rows} × ${cells.cols}`;
  const title = none ? 'Not one cell of this size fits into the region' : few ? 'Under 4 × 4 cells there is little to compose with' : `${text} cells of ${formatLength(size)} a pixel`;
  return h(`button${few ? '.sd-few' : ''}`, {
    type: 'button', role: 'radio', 'aria-checked': String(size === chosen), disabled: none, title, 'data-size': size, onclick: () => resizeCells(size),
  }, h('span', {}, formatLength(size), h('small', {}, text)));
}
