// The lasso on the grid: a free line around cells, or a box. A cell is taken when its centre lies inside.

import { emit, grid, state } from './store.js';
import { lassoPath, selectCells, setPath } from './selection.js';

export const lasso = { box: false };

/** A drag that selects; Shift adds, Alt takes away. */
export function lassoDrag(start, event) {
  const how = event.shiftKey ? 'add' : event.altKey ? 'subtract' : 'replace';
  let line = [start];
  setPath(line);
  return {
    move(position) {
      line = lasso.box ? box(start, position) : [...line, position];
      setPath(line);
    },
    end() {
      if (!lassoPath()) return;
      setPath(null);
      const chosen = line.length > 2 ? cellsInside(line) : new Set();
      const kept = line.length > 2 ? line : null;
      if (!chosen.size && how === 'replace') chosen.clear(); // a click beside everything deselects
      selectCells(chosen, how, kept);
    },
    cancel: () => setPath(null),
  };
}

const box = ([ax, ay], [bx, by]) => [[ax, ay], [bx, ay], [bx, by], [ax, by]];

function cellsInside(line) {
  const { origin_l0: [left, top], cell_l0: side, rows, cols } = grid();
  const found = new Set();
  for (let row = 0; row < rows; row += 1) {
    for (let col = 0; col < cols; col += 1) if (isInside(line, left + (col + 0.5) * side, top + (row + 0.5) * side)) found.add(row * cols + col);
  }
  return found;
}

/** Whether a point lies inside a closed line (even-odd rule). */
export function isInside(line, x, y) {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i, i += 1) {
    const [[ax, ay], [bx, by]] = [line[i], line[j]];
    if ((ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

export function setBox(on) {
  lasso.box = on;
  emit('tool');
}

export const lassoInHand = () => state.tool === 'lasso';
