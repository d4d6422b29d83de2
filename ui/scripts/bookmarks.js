// Regions that a user comes back to; all of them can be varied in one job.

import { ask, attempt, emit, grid, on, scene, setTool, state } from './store.js';
import { countNow, currentWish } from './draw.js';
import { formatLength, h } from './format.js';
import { icon } from './icons.js';
import { regionModel, regionPixelSize, setRegion } from './region.js';

/** @param {HTMLElement} host  a part of the panel Explore */
export function mountBookmarks(host) {
  const add = h('button', { type: 'button', id: 'sd-bookmark', title: 'Remember the region that is picked, or was read', onclick: addBookmark }, 'Bookmark this region');
  const list = h('div.sd-bookmarks', { role: 'list' });
  const all = h('button', { type: 'button', id: 'sd-vary-all', onclick: varyAll });
  host.append(h('h3', {}, 'Bookmarked regions'), list, h('div.sd-row', {}, add, all));
  const show = () => {
    const marks = state.document?.bookmarks ?? [];
    host.hidden = !scene();
    add.disabled = !place();
    list.replaceChildren(...marks.map(entry));
    list.hidden = !marks.length;
    all.hidden = !marks.length;
    all.textContent = `Vary all: ${marks.length} × ${countNow()}`;
    all.title = `One job: ${marks.length} region${marks.length === 1 ? '' : 's'}, ${countNow()} image${countNow() === 1 ? '' : 's'} each`;
  };
  for (const name of ['document', 'region', 'wish', 'tool']) on(name, show);
  show();
}

/** The region that is picked, or the one that was read. */
function place() {
  if (!scene()?.pixel_size_m) return null;
  if (state.tool === 'region' && state.region) return { ...state.region, pixel_size_m: regionPixelSize(), model: regionModel().id };
  const facts = grid();
  return facts && { x: facts.origin_l0[0], y: facts.origin_l0[1], rows: facts.rows, cols: facts.cols, pixel_size_m: facts.pixel_size_m, model: state.document.model_id };
}

function addBookmark() {
  const { x, y, rows, cols, pixel_size_m, model } = place();
  return attempt(() => ask(`documents/${state.document.id}/bookmarks`, { x, y, rows, cols, pixel_size_m, model }));
}

function entry(mark) {
  return h('div.sd-bookmark', { role: 'listitem' },
    h('button.sd-bookmark-go', { type: 'button', title: 'Show this region, to read it', onclick: () => goTo(mark) }, h('strong', {}, mark.name), h('span', {}, `${mark.rows} × ${mark.cols} cells at ${formatLength(mark.pixel_size_m)}`)),
    h('button.sd-icon', { type: 'button', title: 'Forget this region', 'aria-label': `Forget ${mark.name}`, html: icon('close', 14), onclick: () => attempt(() => ask(`documents/${state.document.id}/bookmarks/${mark.id}/delete`, {})) }));
}

function goTo({ x, y, rows, cols, pixel_size_m: size, model_id: model }) {
  Object.assign(state, { model, pixelSize: size });
  setTool('region');
  setRegion({ x, y, rows, cols });
  const cell = (regionModel().cell_px * size) / scene().pixel_size_m;
  emit('look-at', { x, y, width: cols * cell, height: rows * cell });
}

async function varyAll() {
  const { shown, ...wish } = currentWish();
  await attempt(() => ask(`documents/${state.document.id}/vary-all`, { ...wish, count: countNow() }));
}
