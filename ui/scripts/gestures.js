// What the pointer does on a pane: paint, fill, pick, erase, pick a region; panning is left to the viewer.

import { ask, attempt, emit, grid, selectSwatch, setTool, state, swatches } from './store.js';
import { sendEdit } from './live.js';
import { beginRegionDrag } from './region.js';

export let stroke = null; // {cells: Set of row * cols + col, label, stamp, size}
let hover = null; // {pane, row, col, x, y}
let space = false;
let strokes = 0;

const PAINTING = new Set(['brush', 'rectangle', 'fill', 'pick', 'erase']);

export const hoverCell = () => hover;

/** Cells under the pointer, as the overlay draws them; null where the tool has none. */
export function footprint(pane) {
  if (!hover || !grid() || space || !PAINTING.has(state.tool)) return null;
  if (hover.row === null) return null;
  const side = ['brush', 'erase'].includes(state.tool) ? state.brush : 1;
  const colour = ['brush', 'rectangle', 'fill'].includes(state.tool) ? swatches()[state.swatch]?.colour : '#ffffff';
  return { ...clip(hover.row - ((side - 1) >> 1), hover.col - ((side - 1) >> 1), side, side), colour, own: hover.pane === pane };
}

function clip(row, col, rows, cols) {
  const top = Math.max(0, row);
  const left = Math.max(0, col);
  return { row: top, col: left, rows: Math.min(grid().rows, row + rows) - top, cols: Math.min(grid().cols, col + cols) - left };
}

function cellAt([x, y]) {
  const facts = grid();
  if (!facts) return null;
  const [row, col] = [Math.floor((y - facts.origin_l0[1]) / facts.cell_l0), Math.floor((x - facts.origin_l0[0]) / facts.cell_l0)];
  return row >= 0 && col >= 0 && row < facts.rows && col < facts.cols ? [row, col] : null;
}

/** Listen on a pane before the viewer does, and keep from it what a tool takes. */
export function attachGestures(pane, isReference) {
  let drag = null;
  pane.host.addEventListener('pointermove', (event) => {
    const position = pane.toWorld(event);
    const cell = cellAt(position);
    hover = { pane, x: position[0], y: position[1], row: cell?.[0] ?? null, col: cell?.[1] ?? null };
    emit('hover');
    if (!drag) return;
    event.stopPropagation();
    drag.move(position, event);
  }, true);
  pane.host.addEventListener('pointerleave', () => {
    if (drag) return;
    hover = null;
    emit('hover');
  });
  pane.host.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || space || event.target.closest('.navigator, button, a, input, select, .sd-pane-ui')) return;
    drag = beginDrag(pane, isReference, pane.toWorld(event), event);
    if (!drag) return;
    event.stopPropagation();
    event.preventDefault();
    pane.host.setPointerCapture(event.pointerId);
    pane.viewer.canvas.focus({ preventScroll: true });
  }, true);
  const end = (event) => {
    if (!drag) return;
    event.stopPropagation();
    const finished = drag;
    drag = null;
    if (event.type === 'pointerup') finished.end(pane.toWorld(event), event);
    else cancelStroke();
  };
  pane.host.addEventListener('pointerup', end, true);
  pane.host.addEventListener('pointercancel', end, true);
  pane.host.addEventListener('lostpointercapture', end, true);
}

export function setSpace(held) {
  if (space === held) return;
  space = held;
  emit('tool');
}

export const spaceHeld = () => space;

function beginDrag(pane, isReference, position, event) {
  if (state.tool === 'region') {
    const move = isReference ? beginRegionDrag(pane, position) : null;
    return move && { move, end: () => {} };
  }
  if (!PAINTING.has(state.tool) || !grid() || !state.layout) return null;
  const cell = cellAt(position);
  if (!cell) return null;
  if (state.tool === 'pick' || event.altKey) return click(() => pickCell(cell, event.shiftKey));
  if (state.tool === 'fill') return click(() => fillFrom(cell));
  return state.tool === 'rectangle' ? rectangleDrag(cell) : brushDrag(position, event);
}

const click = (action) => ({ move() {}, end: action });

function beginStroke(erase) {
  strokes += 1;
  stroke = { cells: new Set(), label: erase ? -1 : state.swatch, stamp: strokes, size: 0 };
}

function cancelStroke() {
  stroke = null;
  emit('layout');
}

/** Esc: forget the stroke under way; true where there was one. */
export function abandonStroke() {
  if (!stroke) return false;
  cancelStroke();
  return true;
}

function brushDrag(start) {
  beginStroke(state.tool === 'erase');
  let last = start;
  stamp(start);
  return {
    move(position) {
      const step = grid().cell_l0 / 2;
      const n = Math.max(1, Math.ceil(Math.hypot(position[0] - last[0], position[1] - last[1]) / step));
      for (let i = 1; i <= n; i += 1) stamp([last[0] + ((position[0] - last[0]) * i) / n, last[1] + ((position[1] - last[1]) * i) / n]);
      last = position;
    },
    end: commitStroke,
  };
}

function stamp(position) {
  if (!stroke) return;
  const cell = cellAt(position);
  if (!cell) return;
  const back = (state.brush - 1) >> 1;
  addBlock(clip(cell[0] - back, cell[1] - back, state.brush, state.brush));
}

function addBlock({ row, col, rows, cols }) {
  for (let r = row; r < row + rows; r += 1) for (let c = col; c < col + cols; c += 1) stroke.cells.add(r * grid().cols + c);
  stroke.size = stroke.cells.size;
  emit('layout');
}

function rectangleDrag([row, col]) {
  beginStroke(false);
  const cover = ([r, c]) => {
    stroke.cells.clear();
    stroke.stamp = `${row} ${col} ${r} ${c}`;
    addBlock(clip(Math.min(row, r), Math.min(col, c), Math.abs(r - row) + 1, Math.abs(c - col) + 1));
  };
  cover([row, col]);
  return {
    move(position) {
      const cell = cellAt(position);
      if (cell && stroke) cover(cell);
    },
    end: commitStroke,
  };
}

/** Send the stroke; it stays on the overlay until the server's labels are there. */
async function commitStroke() {
  const done = stroke;
  if (!done) return;
  const { cols } = grid();
  const cells = [...done.cells].map((cell) => [Math.floor(cell / cols), cell % cols]);
  if (done.label < 0) await sendEdit({ kind: 'erase', cells });
  else await sendEdit({ kind: 'paint', cells, ...brushOptions() });
  if (stroke === done) cancelStroke();
}

function brushOptions() {
  const swatch = swatches()[state.swatch];
  const mode = state.mode === 'texture' && !swatch.texture ? 'sample' : state.mode;
  return { swatch: swatch.id, mode, strength: state.strength, seed: Math.floor(Math.random() * 2 ** 31) };
}

const fillFrom = (start) => sendEdit({ kind: 'fill', start, ...brushOptions() });

/** Take the swatch of a cell; with Shift, make a swatch of this one cell. */
async function pickCell([row, col], fresh) {
  if (fresh) {
    const answer = await attempt(() => ask(`documents/${state.document.id}/swatches`, { row, col }));
    if (answer) setTimeout(() => selectSwatch(swatches().findIndex((swatch) => swatch.id === answer.swatch)), 150);
  } else {
    const label = state.layout.labels[row * grid().cols + col];
    if (label < 0) return;
    selectSwatch(label);
  }
  if (state.tool === 'pick') setTool('brush');
}
