// Picking a region of whole cells on the reference: drag a new one, move it, or pull a corner.

import { ask, attempt, emit, on, scene, state } from './store.js';

export const MAX_CELLS = 128 * 128;

/** The model whose cells are picked. */
export const regionModel = () => state.models.find((model) => model.id === (state.model ?? state.document?.model_id)) ?? state.models[0] ?? null;

/** Pixel sizes a region can be read at: those of the model that do not invent detail, or all where none would be left. */
export function pixelSizes() {
  const own = scene()?.pixel_size_m;
  const all = regionModel()?.pixel_sizes_m ?? [];
  const honest = all.filter((size) => !own || size >= own * 0.8);
  return honest.length ? honest : all;
}

export function regionPixelSize() {
  const sizes = pixelSizes();
  if (sizes.includes(state.pixelSize)) return state.pixelSize;
  const { size_l0: [width, height], pixel_size_m: own } = scene() ?? { size_l0: [0, 0] };
  if (!own) return sizes[0] ?? null;
  // the coarsest that still gives 8 × 8 cells; else the finest
  const roomy = sizes.filter((size) => Math.min(width, height) / (regionModel().cell_px * size / own) >= 8);
  return (roomy.length ? Math.min(...roomy) : Math.min(...sizes)) || null;
}

/** Level-0 pixels along the side of a cell of the region. */
export function regionCell() {
  const size = regionPixelSize();
  return size && scene()?.pixel_size_m ? regionModel().cell_px * size / scene().pixel_size_m : null;
}

/** A first region, so that one click is enough: up to 8 × 8 cells at the centre. */
export function suggestRegion() {
  const cell = regionCell();
  if (!cell || !scene()) return null;
  const [width, height] = scene().size_l0;
  const cols = Math.max(1, Math.min(8, Math.floor(width / cell + 0.01)));
  const rows = Math.max(1, Math.min(8, Math.floor(height / cell + 0.01)));
  if (width < cell * 0.99 || height < cell * 0.99) return null;
  return settle({ x: (width - cols * cell) / 2, y: (height - rows * cell) / 2, rows, cols }, cell);
}

/** Inside the scene, on whole level-0 pixels. */
function settle(region, cell) {
  const [width, height] = scene().size_l0;
  const rows = Math.max(1, Math.min(region.rows, Math.floor(height / cell + 0.01)));
  const cols = Math.max(1, Math.min(region.cols, Math.floor(width / cell + 0.01)));
  const x = Math.max(0, Math.min(Math.round(region.x), Math.floor(width - cols * cell + 0.01 * cell)));
  const y = Math.max(0, Math.min(Math.round(region.y), Math.floor(height - rows * cell + 0.01 * cell)));
  return { x, y, rows, cols };
}

/** Read the picked region into a grid of cells. */
export function readRegion() {
  const { x, y, rows, cols } = state.region;
  const cell = regionCell();
  if (state.layout?.edits && !window.confirm('Reading a new region starts a new layout; what you painted on the old one is left behind. Go on?')) return undefined;
  const region = [x, y, cols * cell + 0.005 * cell, rows * cell + 0.005 * cell];
  return attempt(() => ask(`documents/${state.document.id}/encode`, { region, model: regionModel().id, pixel_size_m: regionPixelSize() }));
}

export function setRegion(region) {
  state.region = region;
  emit('region');
}

/** Whole cells of a size that fit into the picked place: {rows, cols, cell}; rows or cols are 0 where none fits. */
export function cellsAt(size) {
  const { rows, cols } = state.region;
  const [high, wide] = state.region.extent ?? [rows * regionCell(), cols * regionCell()];
  const cell = regionModel().cell_px * size / scene().pixel_size_m;
  return { rows: Math.floor(high / cell + 0.01), cols: Math.floor(wide / cell + 0.01), cell };
}

/** The same place with cells of another size; what was picked is remembered, so that going back is exact. */
export function resizeCells(size) {
  if (!state.region) {
    state.pixelSize = size;
    return setRegion(suggestRegion());
  }
  const old = state.region;
  const extent = old.extent ?? [old.rows * regionCell(), old.cols * regionCell()];
  const corner = old.corner ?? [old.x, old.y];
  const { rows, cols, cell } = cellsAt(size);
  state.pixelSize = size;
  const [x, y] = [corner[0] + (extent[1] - cols * cell) / 2, corner[1] + (extent[0] - rows * cell) / 2];
  return setRegion({ ...settle({ x, y, rows, cols }, cell), extent, corner });
}

/** A drag on the reference; returns what to do on move. `[x, y]` are level-0 pixels. */
export function beginRegionDrag(pane, [x, y]) {
  const cell = regionCell();
  if (!cell) return null;
  const old = state.region;
  const reach = 10 / pane.scale;
  const corner = old && nearCorner(old, cell, x, y, reach);
  if (corner) return ([px, py]) => setRegion(span(corner, [px, py], cell));
  if (old && x >= old.x && y >= old.y && x < old.x + old.cols * cell && y < old.y + old.rows * cell) {
    return ([px, py]) => setRegion(settle({ ...old, x: old.x + px - x, y: old.y + py - y }, cell));
  }
  return ([px, py]) => (Math.hypot(px - x, py - y) > 4 / pane.scale ? setRegion(span([x, y], [px, py], cell)) : undefined);
}

/** The corner opposite to the one under the pointer. */
function nearCorner({ x, y, rows, cols }, cell, px, py, reach) {
  for (const [cx, ox] of [[x, x + cols * cell], [x + cols * cell, x]]) {
    for (const [cy, oy] of [[y, y + rows * cell], [y + rows * cell, y]]) if (Math.hypot(cx - px, cy - py) < reach) return [ox, oy];
  }
  return null;
}

function span([ax, ay], [bx, by], cell) {
  let cols = Math.max(1, Math.round(Math.abs(bx - ax) / cell));
  let rows = Math.max(1, Math.round(Math.abs(by - ay) / cell));
  while (rows * cols > MAX_CELLS) rows > cols ? (rows -= 1) : (cols -= 1);
  return settle({ x: bx < ax ? ax - cols * cell : ax, y: by < ay ? ay - rows * cell : ay, rows, cols }, cell);
}

/** The tool is taken up again: begin from the region that was read. */
on('tool', () => {
  if (state.tool !== 'region' || state.region || !scene()?.pixel_size_m || !state.models.length) return;
  const facts = state.document.grid;
  const cell = regionCell();
  const [x, y] = facts?.origin_l0 ?? [];
  setRegion(facts && Math.abs(facts.cell_l0 - cell) < 0.01 * cell ? { x, y, rows: facts.rows, cols: facts.cols } : suggestRegion());
});

on('document', ({ first }) => {
  if (!scene() || state.document.grid || !scene().pixel_size_m || !state.models.length) return;
  if (first || !state.region) setRegion(suggestRegion());
});
