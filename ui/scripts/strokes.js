// Brush, eraser and rectangle. A stroke is sent while it is drawn, in pieces that the server joins into one edit.

import { emit, grid, state, swatches } from './store.js';
import { sendEdit } from './live.js';
import { isSelected, pairs, selectedCells } from './selection.js';

export let stroke = null; // {id, cells: Set of row * cols + col, label, stamp, size, edit, queue, flow}
let strokes = 0;
const page = Math.random().toString(36).slice(2);

/** What the selected swatch paints now, as fields of an edit. */
export function rebrush() {
  const swatch = swatches()[state.swatch];
  const mode = state.mode === 'texture' && !swatch.texture ? 'sample' : state.mode;
  return { swatch: swatch.id, mode, strength: state.strength, seed: Math.floor(Math.random() * 2 ** 31) };
}

function beginStroke(erase) {
  strokes += 1;
  const edit = erase ? { kind: 'erase' } : { kind: 'paint', ...rebrush() };
  stroke = { id: `${page}-${strokes}`, cells: new Set(), label: erase ? -1 : state.swatch, stamp: strokes, size: 0, edit, queue: [], flow: null };
}

export function clip(row, col, rows, cols) {
  const top = Math.max(0, row);
  const left = Math.max(0, col);
  return { row: top, col: left, rows: Math.min(grid().rows, row + rows) - top, cols: Math.min(grid().cols, col + cols) - left };
}

export function cellAt([x, y]) {
  const facts = grid();
  if (!facts) return null;
  const [row, col] = [Math.floor((y - facts.origin_l0[1]) / facts.cell_l0), Math.floor((x - facts.origin_l0[0]) / facts.cell_l0)];
  return row >= 0 && col >= 0 && row < facts.rows && col < facts.cols ? [row, col] : null;
}

/** Cells along the brush's side; a pen's pressure makes it smaller or larger. */
export function brushSide(event) {
  if (event?.pointerType !== 'pen' || !event.pressure) return state.brush;
  return Math.max(1, Math.min(state.brush, Math.ceil(state.brush * event.pressure * 1.4)));
}

export function brushDrag(start, event, erase) {
  beginStroke(erase);
  let last = start;
  stamp(start, brushSide(event));
  return {
    move(position, moved) {
      const n = Math.max(1, Math.ceil(Math.hypot(position[0] - last[0], position[1] - last[1]) / (grid().cell_l0 / 2)));
      for (let i = 1; i <= n; i += 1) stamp([last[0] + ((position[0] - last[0]) * i) / n, last[1] + ((position[1] - last[1]) * i) / n], brushSide(moved));
      last = position;
    },
    end: commitStroke,
    cancel: abandonStroke,
  };
}

function stamp(position, side) {
  const cell = stroke && cellAt(position);
  if (!cell) return;
  const back = (side - 1) >> 1;
  const fresh = addBlock(clip(cell[0] - back, cell[1] - back, side, side));
  stroke.queue.push(...fresh);
  flow(stroke);
}

/** Add cells to the stroke; returns those that are new in it. Outside a selection nothing is painted. */
function addBlock({ row, col, rows, cols }) {
  const fresh = [];
  for (let r = row; r < row + rows; r += 1) {
    for (let c = col; c < col + cols; c += 1) {
      const cell = r * grid().cols + c;
      if (!stroke.cells.has(cell) && isSelected(cell)) fresh.push(cell);
    }
  }
  for (const cell of fresh) stroke.cells.add(cell);
  stroke.size = stroke.cells.size;
  if (fresh.length) emit('layout');
  return fresh;
}

/** Send what waits: one piece is under way at a time, the next holds all that came meanwhile. */
function flow(own) {
  if (own.flow || !own.queue.length) return own.flow;
  const { cols } = grid();
  const send = async () => {
    while (own.queue.length) {
      const cells = own.queue.splice(0).map((cell) => [Math.floor(cell / cols), cell % cols]);
      await sendEdit({ ...own.edit, cells, stroke: own.id });
    }
    own.flow = null;
  };
  own.flow = send();
  return own.flow;
}

/** Level-0 position -> [x, y] in cells. */
const inCells = ([x, y]) => [(x - grid().origin_l0[0]) / grid().cell_l0, (y - grid().origin_l0[1]) / grid().cell_l0];

/** A round brush, whose outline is a border wherever it runs through cells. */
export function freeDrag(start, event, erase) {
  beginStroke(erase);
  const { swatch, mode, seed } = stroke.edit;
  const width = Math.max(0.2, isPen(event) ? state.brush * Math.min(1, event.pressure * 1.4) : state.brush);
  stroke.edit = { ...(erase ? { kind: 'eraseregion' } : { kind: 'paintregion', swatch, mode, seed }), width_cell: width };
  Object.assign(stroke, { line: [inCells(start)], width, sent: 0 });
  emit('layout');
  flowLine(stroke);
  return {
    move(position) {
      if (!stroke?.line) return;
      const [x, y] = inCells(position);
      const [a, b] = stroke.line.at(-1);
      if (Math.hypot(x - a, y - b) < 0.02) return;
      stroke.line.push([x, y]);
      stroke.size += 1;
      emit('layout');
      flowLine(stroke);
    },
    end: commitStroke,
    cancel: abandonStroke,
  };
}

const isPen = (event) => event?.pointerType === 'pen' && event.pressure > 0;

/** As `flow`, of a line: each piece begins where the one before it ended. Within a selection it is cut when it is whole. */
function flowLine(own) {
  if (selectedCells().size) return undefined;
  if (own.flow || own.sent >= own.line.length) return own.flow;
  const send = async () => {
    while (!own.over && own.sent < own.line.length) {
      const piece = own.line.slice(Math.max(0, own.sent - 1));
      own.sent = own.line.length;
      await sendEdit({ ...own.edit, lines: [piece.map(([x, y]) => [round(x), round(y)])], stroke: own.id });
    }
    own.flow = null;
  };
  own.flow = send();
  return own.flow;
}

const round = (value) => Math.round(value * 1000) / 1000;

export function rectangleDrag([row, col]) {
  beginStroke(false);
  const cover = ([r, c]) => {
    stroke.cells.clear();
    stroke.stamp = `${row} ${col} ${r} ${c}`;
    addBlock(clip(Math.min(row, r), Math.min(col, c), Math.abs(r - row) + 1, Math.abs(c - col) + 1));
    emit('layout');
  };
  cover([row, col]);
  return {
    move(position) {
      const cell = cellAt(position);
      if (cell && stroke) cover(cell);
    },
    end() {
      if (stroke) stroke.queue = [...stroke.cells];
      return commitStroke();
    },
    cancel: abandonStroke,
  };
}

/** Send the rest; the stroke stays on the overlay until the server's labels are there. */
async function commitStroke() {
  const done = stroke;
  if (!done) return;
  if (done.line && selectedCells().size) await sendEdit({ ...done.edit, lines: [done.line.map(([x, y]) => [round(x), round(y)])], within: pairs(selectedCells()) });
  else await (done.line ? flowLine(done) : flow(done));
  if (stroke === done) clear();
}

function clear() {
  stroke = null;
  emit('layout');
}

/** Esc, or a second finger: take back the stroke under way; true where there was one. */
export function abandonStroke() {
  const own = stroke;
  if (!own) return false;
  const sent = own.flow || (own.line ? own.sent > 0 : own.queue.length < own.cells.size);
  Object.assign(own, { queue: [], over: true });
  clear();
  if (sent) Promise.resolve(own.flow).then(() => sendEdit({ kind: 'abandon', stroke: own.id }));
  return true;
}
