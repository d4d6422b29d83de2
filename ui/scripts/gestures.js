// What the pointer does on a pane: paint, fill, pick, erase, select, paste, pick a region; panning is left to the viewer.

import { ask, attempt, emit, grid, isFree, on, scene, selectSwatch, setTool, state, swatches } from './store.js';
import { sendEdit } from './live.js';
import { beginRegionDrag } from './region.js';
import { lassoDrag } from './lasso.js';
import { pasteAt } from './clipboard.js';
import { selectWhenThere } from './palette-actions.js';
import { isSelected, pairs, selectedCells } from './selection.js';
import { abandonStroke, brushDrag, cellAt, clip, freeDrag, rebrush, rectangleDrag } from './strokes.js';
import { Fingers } from './touch.js';

export { abandonStroke, stroke } from './strokes.js';

const PAINTING = new Set(['brush', 'rectangle', 'fill', 'pick', 'erase']);
const PEN_ERASER = 5; // the button that turns a pen around
let hover = null; // {pane, row, col, x, y}
let space = false;

export const hoverCell = () => hover;
export const spaceHeld = () => space;

export function setSpace(held) {
  if (space === held) return;
  space = held;
  emit('tool');
}

/** Cells under the pointer, as the overlay draws them; null where the tool has none. */
export function footprint(pane) {
  if (!hover || !grid() || space || !PAINTING.has(state.tool)) return null;
  if (hover.row === null) return null;
  const brush = ['brush', 'erase'].includes(state.tool);
  const side = brush ? state.brush : 1;
  const colour = ['brush', 'rectangle', 'fill'].includes(state.tool) ? swatches()[state.swatch]?.colour : '#ffffff';
  if (brush && isFree()) return { round: [hover.x, hover.y], diameter: side, colour, own: hover.pane === pane };
  return { ...clip(hover.row - ((side - 1) >> 1), hover.col - ((side - 1) >> 1), side, side), colour, own: hover.pane === pane };
}

/** Listen on a pane before the viewer does, and keep from it what a tool takes. */
export function attachGestures(pane, isReference) {
  const fingers = new Fingers(pane);
  if (isReference) on('go-to', (cell) => goTo(pane, cell));
  let drag = null;
  const point = (event) => {
    const position = pane.toWorld(event);
    const cell = cellAt(position);
    hover = { pane, x: position[0], y: position[1], row: cell?.[0] ?? null, col: cell?.[1] ?? null };
    emit('hover');
    return position;
  };
  pane.host.addEventListener('pointermove', (event) => {
    if (fingers.move(event)) return event.stopPropagation();
    point(event);
    if (!drag) return undefined;
    event.stopPropagation();
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) drag.move(pane.toWorld(one), one);
    return undefined;
  }, true);
  pane.host.addEventListener('pointerleave', () => {
    if (drag) return;
    hover = null;
    emit('hover');
  });
  pane.host.addEventListener('pointerdown', (event) => {
    if (![0, PEN_ERASER].includes(event.button) || space || event.target.closest('.navigator, button, a, input, select, .sd-pane-ui')) return;
    fingers.press(event);
    if (fingers.count > 1) {
      if (!drag && !fingers.leading) return; // the viewer has the first finger, and takes the second
      drag?.cancel?.();
      drag = null;
      fingers.leading = true;
    } else {
      drag = beginDrag(pane, isReference, point(event), event);
      if (!drag) return;
      pane.viewer.canvas.focus({ preventScroll: true });
    }
    event.stopPropagation();
    event.preventDefault();
    pane.host.setPointerCapture(event.pointerId);
  }, true);
  const end = (event) => {
    if (fingers.release(event)) return event.stopPropagation();
    if (!drag) return undefined;
    event.stopPropagation();
    const finished = drag;
    drag = null;
    if (event.type === 'pointerup') finished.end(pane.toWorld(event), event);
    else finished.cancel?.();
    return undefined;
  };
  for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) pane.host.addEventListener(name, end, true);
}

function beginDrag(pane, isReference, position, event) {
  if (state.tool === 'region') {
    const move = isReference ? beginRegionDrag(pane, position) : null;
    return move && { move, end: () => {} };
  }
  if (!grid() || !state.layout) return null;
  if (state.tool === 'lasso') return lassoDrag(position, event);
  const cell = cellAt(position);
  const picking = state.tool === 'pick' || (event.altKey && PAINTING.has(state.tool));
  if (!cell) return picking && isReference && scene() ? click(() => pickPlace(position)) : null;
  if (state.tool === 'paste') return click(() => pasteAt(hover));
  if (picking) return click(() => pickCell(cell, event.shiftKey));
  const draw = isFree() ? freeDrag : brushDrag;
  if (event.button === PEN_ERASER || state.tool === 'erase') return draw(position, event, true);
  if (!swatches()[state.swatch]) return null;
  if (state.tool === 'fill') return click(() => fillFrom(cell));
  if (state.tool === 'rectangle') return rectangleDrag(cell);
  return state.tool === 'brush' ? draw(position, event, false) : null;
}

/** Bring a cell into the middle, with its neighbours. */
function goTo(pane, cell) {
  const { origin_l0: [left, top], cell_l0: side, cols } = grid();
  const [col, row] = [cell % cols, Math.floor(cell / cols)];
  pane.fit({ x: left + (col - 2) * side, y: top + (row - 2) * side, width: 5 * side, height: 5 * side });
}

const click = (action) => ({ move() {}, end: action });

/** Fill the connected cells of one label; within a selection, those of them that are selected. */
function fillFrom(start) {
  const first = start[0] * grid().cols + start[1];
  if (!selectedCells().size) return sendEdit({ kind: 'fill', start, ...rebrush() });
  if (!isSelected(first)) return undefined;
  const { rows, cols } = grid();
  const { labels } = state.layout;
  const found = new Set([first]);
  for (const cell of found) {
    const col = cell % cols;
    const beside = [cell - cols, cell + cols, col ? cell - 1 : -1, col < cols - 1 ? cell + 1 : -1];
    for (const next of beside) if (next >= 0 && next < rows * cols && labels[next] === labels[first] && isSelected(next)) found.add(next);
  }
  return sendEdit({ kind: 'paint', cells: pairs(found), ...rebrush() });
}

/** Take the swatch of a cell; with Shift, make a swatch of this one cell. */
async function pickCell([row, col], fresh) {
  if (fresh) await pickNew({ row, col });
  else {
    const label = state.layout.labels[row * grid().cols + col];
    if (label < 0) return;
    selectSwatch(label);
  }
  if (state.tool === 'pick') setTool('brush');
}

/** Beside the grid: a swatch of what the scene shows there. */
async function pickPlace([x, y]) {
  await pickNew({ x, y });
  if (state.tool === 'pick') setTool('brush');
}

async function pickNew(body) {
  const answer = await attempt(() => ask(`documents/${state.document.id}/swatches`, body));
  if (answer) selectWhenThere(answer.swatch);
}
