// What lies over the grid while one works: the selection, the lasso's line, and copied cells on the pointer.

import { emit, grid, on, state } from './store.js';
import { copied, placeOf } from './clipboard.js';
import { hoverCell } from './gestures.js';
import { lassoOutline, lassoPath, selectedCells } from './selection.js';

let pointed = null; // a cell that the palette points at

on('point-at', (cell) => {
  pointed = cell;
  emit('marks');
});

/** Draw all of them; `box` is where the grid lies on the screen: {left, top, cell, width, height}. */
export function drawMarks(context, pane, box) {
  const line = lassoPath() ?? lassoOutline();
  const cells = selectedCells();
  if (cells.size) drawOutline(context, box, cells);
  if (line) drawLine(context, line.map(([x, y]) => pane.toScreen(x, y)));
  if (pointed !== null) drawPointed(context, box);
  if (state.tool === 'paste') drawBlock(context, box);
}

/** The border of the selected cells, in two dashes that show on any ground; what lies outside is a little darker. */
function drawOutline(context, { left, top, cell, width, height }, cells) {
  const { cols } = grid();
  const shade = new Path2D();
  const border = new Path2D();
  shade.rect(left, top, width, height);
  for (const index of cells) {
    const [row, col] = [Math.floor(index / cols), index % cols];
    const [x, y] = [left + col * cell, top + row * cell];
    shade.rect(x, y, cell, cell);
    const side = (dr, dc) => col + dc < 0 || col + dc >= cols || !cells.has((row + dr) * cols + col + dc);
    if (side(-1, 0)) addLine(border, x, y, x + cell, y);
    if (side(1, 0)) addLine(border, x, y + cell, x + cell, y + cell);
    if (side(0, -1)) addLine(border, x, y, x, y + cell);
    if (side(0, 1)) addLine(border, x + cell, y, x + cell, y + cell);
  }
  context.save();
  context.fillStyle = 'rgba(10,12,16,.2)';
  context.fill(shade, 'evenodd');
  dash(context, border);
  context.restore();
}

function drawPointed(context, { left, top, cell }) {
  const { cols } = grid();
  const path = new Path2D();
  path.rect(left + (pointed % cols) * cell, top + Math.floor(pointed / cols) * cell, cell, cell);
  context.lineWidth = 5;
  context.strokeStyle = '#000000';
  context.stroke(path);
  context.lineWidth = 2.5;
  context.strokeStyle = '#ffffff';
  context.stroke(path);
}

function addLine(path, ax, ay, bx, by) {
  path.moveTo(ax, ay);
  path.lineTo(bx, by);
}

function dash(context, path) {
  context.lineWidth = 2;
  context.strokeStyle = '#000000';
  context.stroke(path);
  context.setLineDash([5, 5]);
  context.strokeStyle = '#ffffff';
  context.stroke(path);
}

function drawLine(context, line) {
  const path = new Path2D();
  line.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
  context.save();
  context.fillStyle = 'rgba(255,255,255,.14)';
  context.fill(path, 'evenodd');
  dash(context, path);
  context.restore();
}

function drawBlock(context, { left, top, cell }) {
  const block = copied();
  const hover = hoverCell();
  if (!block || !hover || hover.row === null) return;
  const [row, col] = placeOf(block, hover);
  const taken = new Set(block.cells.map(([r, c]) => `${r} ${c}`));
  const border = new Path2D();
  context.save();
  for (const [r, c, colour] of block.cells) {
    const [x, y] = [left + (col + c) * cell, top + (row + r) * cell];
    context.fillStyle = `${colour}c8`;
    context.fillRect(x, y, cell, cell);
    if (!taken.has(`${r - 1} ${c}`)) addLine(border, x, y, x + cell, y);
    if (!taken.has(`${r + 1} ${c}`)) addLine(border, x, y + cell, x + cell, y + cell);
    if (!taken.has(`${r} ${c - 1}`)) addLine(border, x, y, x, y + cell);
    if (!taken.has(`${r} ${c + 1}`)) addLine(border, x + cell, y, x + cell, y + cell);
  }
  dash(context, border);
  context.restore();
}
