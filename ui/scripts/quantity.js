// Quantities over the grid in place of its clusters: a choice for each pane, the coloured cells, and the colour bar.

import { ask, attempt, currentResult, emit, grid, on, state, swatches } from './store.js';
import { decode, h } from './format.js';
import { hoverCell } from './gestures.js';

const CHOICES = {
  reference: [['cluster', 'Clusters'], ['swatch', 'Likeness to swatch'], ['borders', 'Borders'], ['range', 'Training range'], ['main', 'Main variation']],
  result: [['cluster', 'Clusters'], ['fidelity', 'Fidelity']],
};
// viridis: even in lightness, and told apart by people who are colour-blind
const STOPS = ['#440154', '#482878', '#3e4989', '#31688e', '#26828e', '#1f9e89', '#35b779', '#6ece58', '#b5de2b', '#fde725'].map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
const RELOAD_MS = 250;

const panes = new Map(); // name -> {kind, key, data, raster, bar, choice}

/** @param {string} name  reference or result  @param {HTMLElement} host  the pane  @param {HTMLElement} ui  its row of controls */
export function mountQuantity(name, host, ui) {
  const choice = h('select.sd-quantity-choice', { 'aria-label': `What the grid over the ${name} shows`, title: 'What the grid shows', onchange: () => choose(name, choice.value) },
    ...CHOICES[name].map(([value, text]) => h('option', { value }, text)));
  const bar = h('div.sd-quantity', { hidden: true });
  panes.set(name, { kind: 'cluster', key: '', data: null, raster: null, bar, choice });
  ui.querySelector('.sd-spring').after(choice);
  host.append(bar);
  let later = 0;
  const reload = () => {
    clearTimeout(later);
    later = setTimeout(() => load(name), RELOAD_MS);
  };
  on('document', ({ first }) => (first ? choose(name, 'cluster', false) : undefined));
  on('document', () => { choice.hidden = !grid() || (name === 'result' && !currentResult()); });
  for (const event of ['layout', 'selection', 'result']) on(event, reload);
  on('hover', () => showValue(name));
  if (name === 'result') {
    on('result', () => { choice.hidden = !currentResult(); });
    on('jobs', (job) => job?.kind === 'fidelity' && followFidelity(job));
  }
}

/** The coloured cells of a pane, one pixel each; null where it shows clusters. */
export const quantityRaster = (name) => panes.get(name)?.raster ?? null;

/** Which quantity lies over a pane: `cluster` is the grid itself. */
export const quantityShown = (name) => panes.get(name)?.kind ?? 'cluster';

/** Lay a quantity over a pane; `cluster` takes it away, and from the result the grid with it. */
export function showQuantity(name, kind) {
  choose(name, kind, kind !== 'cluster');
  if (kind === 'cluster' && name === 'result') state.overlay.result = false;
  emit('view');
}

function choose(name, kind, show = true) {
  const pane = panes.get(name);
  Object.assign(pane, { kind, key: '', data: null, raster: null });
  pane.choice.value = kind;
  pane.bar.hidden = true;
  if (show) state.overlay[name] = true;
  load(name);
  emit('view');
}

function addressOf(kind) {
  const base = `documents/${state.document.id}`;
  if (kind === 'fidelity') return currentResult() ? `${base}/results/${currentResult().id}/fidelity` : null;
  const swatch = kind === 'swatch' ? swatches()[state.swatch]?.id ?? '' : '';
  return `${base}/quantities/${kind}${swatch ? `?swatch=${encodeURIComponent(swatch)}` : ''}`;
}

async function load(name) {
  const pane = panes.get(name);
  if (pane.kind === 'cluster' || !grid()) return;
  const address = addressOf(pane.kind);
  const key = `${address} ${pane.kind === 'fidelity' ? '' : state.layout?.version}`;
  if (!address || key === pane.key) return;
  pane.key = key;
  const data = await attempt(() => ask(address));
  if (pane.key !== key) return;
  if (data === undefined) return choose(name, 'cluster');
  if (data.ready === false) {
    wait(pane, 'Reading the image back …');
    return attempt(() => ask(address, {}));
  }
  pane.data = { ...data, values: decode(data.values, Float32Array) };
  pane.raster = rasterOf(pane.data);
  showBar(pane);
  return emit('view');
}

/** The measurement is a job: its end is news. */
function followFidelity(job) {
  const pane = panes.get('result');
  if (pane.kind !== 'fidelity' || job.result_id !== currentResult()?.id || pane.data) return;
  if (job.state === 'done') {
    pane.key = '';
    load('result');
  } else if (['failed', 'cancelled'].includes(job.state)) choose('result', 'cluster');
  else if (job.total) wait(pane, `Reading the image back: ${job.done} of ${job.total} cells`);
}

function wait(pane, text) {
  Object.assign(pane, { data: null, raster: null });
  pane.bar.hidden = false;
  pane.bar.replaceChildren(h('span', {}, text));
}

function inkOf(share) {
  const at = Math.max(0, Math.min(1, share)) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(at));
  return STOPS[low].map((value, k) => Math.round(value + (STOPS[low + 1][k] - value) * (at - low)));
}

function rasterOf({ values, rows, cols, low, high }) {
  const canvas = document.createElement('canvas');
  canvas.width = cols;
  canvas.height = rows;
  const image = canvas.getContext('2d').createImageData(cols, rows);
  values.forEach((value, cell) => Number.isFinite(value) && image.data.set([...inkOf((value - low) / (high - low)), 255], cell * 4));
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

function showBar(pane) {
  const { low, high, mean, title } = pane.data;
  const ramp = STOPS.map((ink, k) => `rgb(${ink.join()}) ${(100 * k) / (STOPS.length - 1)}%`).join();
  const place = (value) => `${(100 * Math.max(0, Math.min(1, (value - low) / (high - low)))).toFixed(1)}%`;
  pane.bar.hidden = false;
  pane.bar.replaceChildren(
    h('strong', {}, title),
    h('div.sd-ramp', { style: `background: linear-gradient(to right, ${ramp})` },
      mean === null ? null : h('span.sd-ramp-mean', { style: `left: ${place(mean)}`, title: 'Mean' }), h('span.sd-ramp-here', { hidden: true })),
    h('div.sd-ramp-ends', {}, h('span', {}, round(low)), h('span.sd-ramp-value', {}, mean === null ? '' : `mean ${round(mean)}`), h('span', {}, round(high))),
  );
}

const round = (value) => String(Math.round(value * 100) / 100);

/** The value of the cell under the pointer, on the bar and in figures. */
function showValue(name) {
  const { data, bar } = panes.get(name);
  const text = bar.querySelector('.sd-ramp-value');
  if (!data || !text) return;
  const hover = hoverCell();
  const value = hover?.row === null || !hover ? NaN : data.values[hover.row * data.cols + hover.col];
  const known = Number.isFinite(value);
  const here = bar.querySelector('.sd-ramp-here');
  here.hidden = !known;
  here.style.left = `${100 * Math.max(0, Math.min(1, (value - data.low) / (data.high - data.low)))}%`;
  text.textContent = known ? `this cell ${round(value)}` : data.mean === null ? '' : `mean ${round(data.mean)}`;
}
