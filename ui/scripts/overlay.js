// What is drawn over the images: the grid in the colours of its swatches, strokes, the region, the cells under the brush.

import { grid, state, swatches } from './store.js';
import { rgb } from './format.js';
import { newCells } from './grow.js';
import { drawMarks } from './marks.js';
import { selectedCells } from './selection.js';

const HATCH = '#7d8590';
let raster = null; // one pixel a cell, redrawn when labels or colours change
let rasterKey = '';
let area = null; // where the outline of what changed is drawn before it is laid over

/** Labels as a tiny picture; what is being painted right now is already in it. */
function labelRaster(stroke) {
  const { rows, cols } = grid();
  const colours = swatches().map((swatch) => swatch.colour);
  const key = `${grid().digest} ${state.layout.version} ${colours.join()} ${stroke?.size ?? 0} ${stroke?.stamp ?? ''} ${state.hoverSwatch}`;
  if (key === rasterKey) return raster;
  rasterKey = key;
  raster ??= document.createElement('canvas');
  raster.width = cols;
  raster.height = rows;
  const context = raster.getContext('2d');
  const image = context.createImageData(cols, rows);
  const inks = colours.map(rgb);
  for (let cell = 0; cell < rows * cols; cell += 1) {
    const label = stroke?.cells.has(cell) ? stroke.label : state.layout.labels[cell];
    if (label < 0 || state.layout.divided?.blocks.has(cell)) continue;
    const ink = inks[label] ?? [128, 128, 128];
    const strong = state.layout.edited[cell] || stroke?.cells.has(cell);
    const dimmed = state.hoverSwatch !== null && label !== state.hoverSwatch;
    image.data.set([...ink, dimmed ? 40 : strong ? 255 : 214], cell * 4);
  }
  context.putImageData(image, 0, 0);
  return raster;
}

let fine = null; // one pixel a latent, of the cells that borders run through
let fineKey = '';

/** The cells that borders run through, as a picture whose other cells are empty; null where there is none. */
function dividedRaster() {
  const { divided } = state.layout;
  if (!divided) return null;
  const colours = swatches().map((swatch) => swatch.colour);
  const key = `${grid().digest} ${state.layout.version} ${colours.join()} ${state.hoverSwatch}`;
  if (key === fineKey) return fine;
  fineKey = key;
  const { side, blocks } = divided;
  fine ??= document.createElement('canvas');
  fine.width = grid().cols * side;
  fine.height = grid().rows * side;
  const context = fine.getContext('2d');
  const inks = colours.map(rgb);
  for (const [cell, labels] of blocks) {
    const image = context.createImageData(side, side);
    labels.forEach((label, i) => label >= 0 && image.data.set([...(inks[label] ?? [128, 128, 128]), state.hoverSwatch !== null && label !== state.hoverSwatch ? 40 : 255], i * 4));
    context.putImageData(image, (cell % grid().cols) * side, Math.floor(cell / grid().cols) * side);
  }
  return fine;
}

/** One cell that borders run through, over the result. */
function drawDivided(context, cell, x, y, size) {
  const { side } = state.layout.divided;
  const { cols } = grid();
  context.save();
  context.globalAlpha = 0.55;
  context.imageSmoothingEnabled = false;
  context.drawImage(dividedRaster(), (cell % cols) * side, Math.floor(cell / cols) * side, side, side, x, y, size, size);
  context.restore();
}

/** Draw all of it. `options`: {cells: opacity or 0, stroke, hover: {cells box}, pendingOnly} */
export function drawGrid(context, pane, { opacity, stroke, footprint, pendingOnly, quantity = null }) {
  const facts = grid();
  if (!facts || !state.layout) return;
  const [left, top] = pane.toScreen(...facts.origin_l0);
  const cell = facts.cell_l0 * pane.scale;
  const box = { left, top, cell, width: cell * facts.cols, height: cell * facts.rows };
  if (opacity > 0) {
    drawCells(context, box, opacity, quantity ?? labelRaster(stroke));
    const borders = quantity ? null : dividedRaster();
    if (borders) drawCells(context, box, opacity, borders);
    if (stroke?.line) drawLine(context, box, stroke, Math.max(opacity, 0.5));
    if (cell >= 7) drawLines(context, box, facts, opacity);
  }
  if (pendingOnly || opacity > 0) drawEdited(context, box, facts, stroke, pendingOnly);
  drawErased(context, box, facts, stroke, opacity > 0 || pendingOnly);
  if (opacity === 0 && stroke?.line) drawLine(context, box, stroke, 0.7);
  else if (opacity === 0 && !pendingOnly && stroke) drawStroke(context, box, facts, stroke);
  frame(context, box);
  drawMarks(context, pane, box);
  if (footprint) drawFootprint(context, box, footprint, pane);
}

function drawCells(context, box, opacity, cells) {
  context.save();
  context.globalAlpha = opacity;
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, box.left, box.top, box.width, box.height);
  context.restore();
}

function drawLines(context, { left, top, cell, width, height }, { rows, cols }, opacity) {
  context.save();
  context.strokeStyle = `rgba(255,255,255,${0.16 + 0.3 * opacity})`;
  context.lineWidth = 1;
  context.beginPath();
  for (let col = 1; col < cols; col += 1) line(context, Math.round(left + col * cell) + 0.5, top, 0, height);
  for (let row = 1; row < rows; row += 1) line(context, left, Math.round(top + row * cell) + 0.5, width, 0);
  context.stroke();
  context.restore();
}

function line(context, x, y, dx, dy) {
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
}

/** Painted cells carry a strong border in their colour; on the result, those it does not show yet are tinted too. */
function drawEdited(context, box, { cols }, stroke, pendingOnly) {
  const mask = pendingOnly ? state.layout.pending : state.layout.edited;
  const inset = Math.max(1, Math.min(2.5, box.cell * 0.06));
  const cells = new Set();
  mask.forEach((set, cell) => set && cells.add(cell));
  stroke?.cells.forEach((cell) => cells.add(cell));
  if (pendingOnly && cells.size && cells.size !== newCells()) outline(context, box, cells, cols);
  for (const cell of cells) {
    const label = stroke?.cells.has(cell) ? stroke.label : state.layout.labels[cell];
    const [x, y] = [box.left + (cell % cols) * box.cell, box.top + Math.floor(cell / cols) * box.cell];
    if (state.layout.divided?.blocks.has(cell)) { // there the borders are drawn themselves
      if (pendingOnly) drawDivided(context, cell, x, y, box.cell);
      continue;
    }
    if (label < 0) continue;
    const colour = swatches()[label]?.colour ?? '#808080';
    if (pendingOnly) {
      context.fillStyle = `${colour}8c`;
      context.fillRect(x, y, box.cell, box.cell);
    }
    context.strokeStyle = colour;
    context.lineWidth = inset;
    context.strokeRect(x + inset / 2, y + inset / 2, box.cell - inset, box.cell - inset);
  }
}

const REACH = 0.875; // of a cell: half of it for the field, and the margin that is drawn again

/** The area that will be drawn again, outlined: the cells that changed and what they reach. */
function outline(context, { left, top, cell, width, height }, cells, cols) {
  const { clientWidth, clientHeight } = context.canvas;
  if (!clientWidth) return;
  const ratio = context.canvas.width / clientWidth;
  area ??= document.createElement('canvas');
  Object.assign(area, { width: context.canvas.width, height: context.canvas.height });
  const pen = area.getContext('2d');
  pen.scale(ratio, ratio);
  const fill = (grow) => {
    for (const at of cells) {
      const x = Math.max(left, left + (at % cols) * cell - REACH * cell) - grow;
      const y = Math.max(top, top + Math.floor(at / cols) * cell - REACH * cell) - grow;
      const right = Math.min(left + width, left + ((at % cols) + 1 + REACH) * cell) + grow;
      const bottom = Math.min(top + height, top + (Math.floor(at / cols) + 1 + REACH) * cell) + grow;
      pen.fillRect(x, y, right - x, bottom - y);
    }
  };
  pen.fillStyle = '#000000';
  fill(2);
  pen.globalCompositeOperation = 'source-atop';
  pen.fillStyle = '#ffffff';
  fill(1);
  pen.globalCompositeOperation = 'destination-out';
  fill(-1);
  context.drawImage(area, 0, 0, clientWidth, clientHeight);
}

function drawErased(context, box, { rows, cols }, stroke, visible) {
  if (!visible) return;
  context.save();
  context.strokeStyle = HATCH;
  context.lineWidth = 1;
  context.beginPath();
  for (let cell = 0; cell < rows * cols; cell += 1) {
    const label = stroke?.cells.has(cell) ? stroke.label : state.layout.labels[cell];
    if (label >= 0) continue;
    const [x, y] = [box.left + (cell % cols) * box.cell, box.top + Math.floor(cell / cols) * box.cell];
    for (const share of [0.33, 0.66]) {
      line(context, x, y + box.cell * share, box.cell * share, -box.cell * share);
      line(context, x + box.cell, y + box.cell * (1 - share), -box.cell * share, box.cell * share);
    }
    line(context, x, y + box.cell, box.cell, -box.cell);
  }
  context.stroke();
  context.restore();
}

/** A round stroke under way, as it will lie. */
function drawLine(context, { left, top, cell }, { line: points, width, label }, opacity) {
  context.save();
  context.globalAlpha = opacity;
  context.strokeStyle = label < 0 ? HATCH : swatches()[label]?.colour ?? '#808080';
  context.lineWidth = width * cell;
  context.lineCap = context.lineJoin = 'round';
  if (selectedCells().size) clipTo(context, selectedCells(), left, top, cell);
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(left + x * cell, top + y * cell) : context.moveTo(left + x * cell, top + y * cell)));
  if (points.length === 1) context.lineTo(left + points[0][0] * cell + 0.01, top + points[0][1] * cell);
  context.stroke();
  context.restore();
}

function clipTo(context, cells, left, top, side) {
  context.beginPath();
  for (const cell of cells) context.rect(left + (cell % grid().cols) * side, top + Math.floor(cell / grid().cols) * side, side, side);
  context.clip();
}

function drawStroke(context, box, { cols }, stroke) {
  context.fillStyle = stroke.label < 0 ? `${HATCH}99` : `${swatches()[stroke.label]?.colour ?? '#808080'}b0`;
  for (const cell of stroke.cells) {
    context.fillRect(box.left + (cell % cols) * box.cell, box.top + Math.floor(cell / cols) * box.cell, box.cell, box.cell);
  }
}

function frame(context, { left, top, width, height }) {
  context.lineWidth = 3;
  context.strokeStyle = 'rgba(0,0,0,.45)';
  context.strokeRect(left - 1, top - 1, width + 2, height + 2);
  context.lineWidth = 1.25;
  context.strokeStyle = '#ffffff';
  context.strokeRect(left - 1, top - 1, width + 2, height + 2);
}

function drawFootprint(context, box, footprint, pane) {
  const { left, top, cell } = box;
  const { row, col, rows, cols, colour } = footprint;
  if (footprint.round) return drawRound(context, pane.toScreen(...footprint.round), (footprint.diameter * cell) / 2, colour);
  const rect = [left + col * cell, top + row * cell, cols * cell, rows * cell];
  context.lineWidth = 3.5;
  context.strokeStyle = 'rgba(0,0,0,.6)';
  context.strokeRect(...rect);
  context.lineWidth = 1.75;
  context.strokeStyle = colour ?? '#ffffff';
  context.strokeRect(...rect);
}

function drawRound(context, [x, y], radius, colour) {
  for (const [width, style] of [[3.5, 'rgba(0,0,0,.6)'], [1.75, colour ?? '#ffffff']]) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    context.arc(x, y, Math.max(1.5, radius), 0, 2 * Math.PI);
    context.stroke();
  }
}

/** The region being picked: dimmed surroundings, cell lines, corners. */
export function drawRegion(context, pane, region, cellL0) {
  const [left, top] = pane.toScreen(region.x, region.y);
  const cell = cellL0 * pane.scale;
  const box = { left, top, cell, width: cell * region.cols, height: cell * region.rows };
  const { clientWidth: width, clientHeight: height } = pane.host;
  context.save();
  context.fillStyle = 'rgba(10,12,16,.42)';
  context.beginPath();
  context.rect(0, 0, width, height);
  context.rect(left, top, box.width, box.height);
  context.fill('evenodd');
  context.restore();
  if (cell >= 5) drawLines(context, box, region, 0.5);
  frame(context, box);
  context.fillStyle = '#ffffff';
  for (const [x, y] of [[left, top], [left + box.width, top], [left, top + box.height], [left + box.width, top + box.height]]) {
    context.fillRect(x - 3.5, y - 3.5, 7, 7);
  }
}
