// Cells, or points of the scatter, that are selected. Painting stays within selected cells; a selection makes a swatch.

import { ask, attempt, emit, grid, notify, on, state } from './store.js';
import { sendEdit } from './live.js';
import { rebrush } from './strokes.js';
import { selectWhenThere } from './palette-actions.js';

const none = new Set();
let cells = none; // row * cols + col
let points = null; // indices of the scatter's points, where the selection was made there
let path = null; // [[x, y], …] in level-0 pixels while a lasso is drawn
let outline = null; // of the lasso that made the selection, likewise

export const selectedCells = () => cells;
export const selectedPoints = () => points;
export const lassoPath = () => path;
export const lassoOutline = () => outline;
export const isSelected = (cell) => !cells.size || cells.has(cell);

export function setPath(next) {
  path = next;
  emit('marks');
}

/** How a new selection joins the old: `how` is replace, add or subtract. */
export function selectCells(chosen, how = 'replace', line = null) {
  outline = how === 'replace' ? line : null;
  if (how === 'add') cells = new Set([...cells, ...chosen]);
  else if (how === 'subtract') cells = new Set([...cells].filter((cell) => !chosen.has(cell)));
  else cells = new Set(chosen);
  points = null;
  emit('marks');
}

/** Points of the scatter; `of` are their cells, or null where the points belong to no cell. */
export function selectPoints(indices, of) {
  points = indices.length ? indices : null;
  outline = null;
  cells = new Set(points && of ? of : []);
  emit('marks');
}

export const deselect = () => selectCells(none);
export const selectAll = () => grid() && selectCells(Array.from({ length: grid().rows * grid().cols }, (_, cell) => cell));

export function invertSelection() {
  if (!grid()) return;
  const all = Array.from({ length: grid().rows * grid().cols }, (_, cell) => cell);
  selectCells(all.filter((cell) => !cells.has(cell)));
}

export const pairs = (chosen) => [...chosen].map((cell) => [Math.floor(cell / grid().cols), cell % grid().cols]);

/** "12 cells", "1 point", or nothing. */
export function describeSelection() {
  const [count, what] = cells.size ? [cells.size, 'cell'] : [points?.length ?? 0, 'point'];
  return count ? `${count} ${what}${count === 1 ? '' : 's'}` : '';
}

export async function makeSwatch() {
  const body = points ? { points } : cells.size ? { cells: pairs(cells) } : null;
  if (!body) return notify('Select cells first: with the lasso (L), or by drawing around points.', 'info');
  const answer = await attempt(() => ask(`documents/${state.document.id}/swatches`, body));
  if (!answer) return undefined;
  deselect();
  return selectWhenThere(answer.swatch, { rename: true });
}

export const fillSelection = () => cells.size && sendEdit({ kind: 'paint', cells: pairs(cells), ...rebrush() });
/** The lasso's own outline as a region, whose border runs through cells as it was drawn. */
function sendOutline(edit) {
  const { origin_l0: [left, top], cell_l0: side } = grid();
  const ring = outline.map(([x, y]) => [(x - left) / side, (y - top) / side].map((value) => Math.round(value * 1000) / 1000));
  return sendEdit({ ...edit, polygons: [[ring]] });
}

export const fillOutline = () => {
  const { swatch, mode, seed } = rebrush();
  return outline && sendOutline({ kind: 'paintregion', swatch, mode, seed });
};
export const eraseOutline = () => outline && sendOutline({ kind: 'eraseregion' });
/** Replace each cell by a relative of it: other glands in the place of glands. */
export const varySelection = () => cells.size && sendEdit({ kind: 'vary', cells: pairs(cells), amount: 0.5, seed: Math.floor(Math.random() * 2 ** 31) });
export const eraseSelection = () => cells.size && sendEdit({ kind: 'erase', cells: pairs(cells) });

on('document', ({ first, newGrid }) => (first || newGrid) && deselect());
