// A canvas too large to be drawn at once is looked at like a slide: tiles are drawn where one looks.

import { ask, attempt, currentResult, emit, grid, on, state, url } from './store.js';
import { currentWish, pendingCells } from './draw.js';
import { activeJob, onTile } from './live.js';
import { h, whole } from './format.js';

const LARGE_PX = 4096 ** 2;
const SETTLED_MS = 300;
const NEAR_PX = 150; // a tile's side on the screen from which on it is worth drawing
const KEPT_IMAGES = 400;
let slide = null; // {version, rows, cols, tile_px, ready: Set of "row col"}
let asked = ''; // what was asked of the server last
let settled = 0;
const images = new Map(); // "version level row col" -> Image

/** Whether the shown layout is a virtual slide: too large to be drawn at once, and not drawn as it is now. */
export const isVirtual = () => Boolean(grid()) && grid().rows * grid().cols * grid().cell_px ** 2 > LARGE_PX && (!currentResult() || pendingCells() > 0);

export const tilesLeft = () => (slide ? slide.rows * slide.cols - slide.ready.size : null);

/** @param {object} pane  the result's */
export function mountVirtual(pane) {
  const line = h('div.sd-virtual', { role: 'status', hidden: true });
  pane.host.append(line);
  const say = () => {
    line.hidden = !isVirtual();
    if (!line.hidden) line.textContent = describe(pane);
  };
  const refresh = async () => {
    if (!isVirtual()) return say();
    const wish = currentWish();
    const key = `${state.document.id} ${state.layout?.version} ${wish.seed} ${wish.guidance_scale}`;
    if (key !== asked) {
      asked = key;
      const found = await ask(`documents/${state.document.id}/virtual`, values()).catch(() => null);
      if (!found || asked !== key) return undefined;
      slide = { ...found, ready: new Set(found.ready.map((place) => place.join(' '))) };
      emit('virtual');
    }
    say();
    pane.redraw();
    return later();
  };
  const later = () => {
    clearTimeout(settled);
    settled = setTimeout(() => look(pane).then(say), SETTLED_MS);
  };
  for (const name of ['layout', 'document', 'result', 'wish']) on(name, refresh);
  pane.viewer.addHandler('update-viewport', () => { if (isVirtual()) { say(); later(); } });
  onTile(({ version, row, col }) => {
    if (slide?.version !== version) return;
    slide.ready.add(`${row} ${col}`);
    emit('virtual');
    say();
    pane.redraw();
  });
}

const values = () => {
  const { seed, guidance_scale } = currentWish();
  return { seed, guidance_scale };
};

/** Tiles in view: {row, col, rows, cols, side, left, top}; side, left and top in screen pixels. */
function inView(pane) {
  const { origin_l0: [x, y], cell_l0: cell, cell_px: px } = grid();
  const side = (slide.tile_px / px) * cell * pane.scale;
  const [left, top] = pane.toScreen(x, y);
  const first = (start) => Math.max(0, Math.floor(-start / side));
  const [row, col] = [first(top), first(left)];
  const rows = Math.min(slide.rows, Math.ceil((pane.host.clientHeight - top) / side)) - row;
  const cols = Math.min(slide.cols, Math.ceil((pane.host.clientWidth - left) / side)) - col;
  return { row, col, rows: Math.max(0, rows), cols: Math.max(0, cols), side, left, top };
}

let looked = '';

async function look(pane) {
  if (!isVirtual() || !slide || !pane.host.clientWidth) return;
  const { row, col, rows, cols, side } = inView(pane);
  if (side < NEAR_PX || !rows || !cols || activeJob('generate')) return;
  const view = [row, col, rows, cols];
  const key = `${slide.version} ${view}`;
  if (key === looked) return;
  looked = key;
  if (!places(view).some((place) => !slide.ready.has(place))) return;
  await attempt(() => ask(`documents/${state.document.id}/virtual/look`, { ...values(), view }));
}

function places([row, col, rows, cols]) {
  const found = [];
  for (let r = row; r < row + rows; r += 1) for (let c = col; c < col + cols; c += 1) found.push(`${r} ${c}`);
  return found;
}

/** The drawn tiles over the layout; those of the view that are coarse still carry a small ring. */
export function drawVirtual(context, pane) {
  if (!isVirtual() || !slide) return;
  const { row, col, rows, cols, side, left, top } = inView(pane);
  const ratio = window.devicePixelRatio || 1;
  const level = Math.max(0, Math.min(3, Math.floor(Math.log2(slide.tile_px / (side * ratio)))));
  const { origin_l0: [x, y], cell_l0: cell } = grid();
  const [right, bottom] = pane.toScreen(x + grid().cols * cell, y + grid().rows * cell);
  for (const place of places([row, col, rows, cols])) {
    const [r, c] = place.split(' ').map(Number);
    const [px, py] = [left + c * side, top + r * side];
    const [width, height] = [Math.min(side, right - px), Math.min(side, bottom - py)];
    const image = slide.ready.has(place) && picture(pane, level, r, c);
    if (image?.complete && image.naturalWidth) context.drawImage(image, px, py, width, height);
    else if (side >= NEAR_PX) ring(context, px + width / 2, py + height / 2);
  }
}

function ring(context, x, y) {
  context.beginPath();
  context.arc(x, y, 5, 0, 2 * Math.PI);
  for (const [colour, width] of [['rgba(0,0,0,.5)', 3.5], ['#ffffff', 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}

function picture(pane, level, row, col) {
  const key = `${slide.version} ${level} ${row} ${col}`;
  let image = images.get(key);
  if (!image) {
    image = new Image();
    image.onload = () => pane.redraw();
    image.onerror = () => lose(key, row, col); // the disk was needed for something else
    image.src = url(`documents/${state.document.id}/virtual/${slide.version}/${level}/${row}_${col}.jpg`);
    images.set(key, image);
    if (images.size > KEPT_IMAGES) images.delete(images.keys().next().value);
  }
  return image;
}

/** A tile that is no longer kept is coarse again, and drawn when one looks at it next. */
function lose(key, row, col) {
  images.delete(key);
  if (!key.startsWith(`${slide?.version} `)) return;
  slide.ready.delete(`${row} ${col}`);
  looked = '';
  emit('virtual');
}

function describe(pane) {
  if (!slide) return 'Too large to be drawn at once: it is drawn where you look.';
  const total = slide.rows * slide.cols;
  const { side } = inView(pane);
  const job = activeJob('look');
  const now = job ? (job.state === 'running' && job.total ? ` · drawing ${job.total - job.done} here` : ' · starting') : side < NEAR_PX ? ' · zoom in to draw' : '';
  return `${whole(slide.ready.size)} of ${whole(total)} tiles drawn${now}`;
}

/** Draw what nobody has looked at, so that the whole can be exported. */
export const drawTheRest = () => attempt(() => ask(`documents/${state.document.id}/virtual/rest`, values()));
