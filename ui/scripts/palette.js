// The palette: points of the grid's embeddings above, swatches below. What is selected is what the brush paints.

import { ask, attempt, emit, grid, on, scene, selectSwatch, state, swatches, url } from './store.js';
import { h } from './format.js';
import { activeJob } from './live.js';
import { Scatter } from './scatter.js';

const EXEMPLARS = 4;

export function mount(element) {
  const host = element.querySelector('.sd-palette');
  const list = h('div.sd-swatches', { role: 'listbox', 'aria-label': 'Swatches', tabindex: '-1' });
  const empty = h('p.sd-empty', {}, 'The palette comes with the grid: open a scene and read a region.');
  const points = scatterBox();
  host.append(h('header.sd-side-head', {}, h('h2', {}, 'Palette'), points.choice), empty, points.element, list);
  const show = () => {
    const some = swatches().length > 0;
    empty.hidden = some;
    points.element.hidden = points.choice.hidden = !some;
    showSwatches(list);
    points.load();
  };
  on('palette', show);
  on('selection', () => markSelected(list));
  on('layout', () => showShares(list));
  on('jobs', (job) => (!job || job.kind === 'umap') && points.showChoice());
  on('theme', () => points.redraw());
  show();
}

let shownKey = '';

function showSwatches(list) {
  const key = JSON.stringify([state.document?.id, swatches()]);
  if (key === shownKey) return;
  shownKey = key;
  list.replaceChildren(...swatches().map((swatch, index) => row(swatch, index)));
  markSelected(list);
  showShares(list);
}

function row(swatch, index) {
  const colour = h('input.sd-colour', { type: 'color', value: swatch.colour, title: 'Colour of the swatch', 'aria-label': `Colour of ${swatch.name}`, onchange: (event) => change(swatch, { colour: event.target.value }) });
  const name = h('span.sd-swatch-name', { title: 'Double-click to rename' }, swatch.name);
  const pictures = Array.from({ length: Math.min(EXEMPLARS, swatch.exemplars) }, (_, k) => h('img', { src: url(`documents/${state.document.id}/exemplars/${swatch.id}/${k}.jpg`), alt: '', loading: 'lazy' }));
  const element = h('div.sd-swatch', {
    role: 'option', tabindex: '0', 'data-index': index, 'aria-label': `${swatch.name}${index < 9 ? `, key ${index + 1}` : ''}`,
    onclick: () => selectSwatch(index), onmouseenter: () => hover(index), onmouseleave: () => hover(null),
    ondblclick: (event) => event.target === name && rename(name, swatch),
    onkeydown: (event) => moveByKey(event, element, name, swatch, index),
  }, h('kbd', {}, index < 9 ? String(index + 1) : ''), h('span.sd-chip', { style: `background:${swatch.colour}` }, colour),
  h('span.sd-swatch-text', {}, name, h('span.sd-share')), h('span.sd-exemplars', {}, ...pictures));
  return element;
}

function moveByKey(event, element, name, swatch, index) {
  if (event.target !== element) return;
  if (event.key === 'Enter' || event.code === 'Space') selectSwatch(index);
  else if (event.key === 'F2') rename(name, swatch);
  else if (event.key === 'ArrowDown') element.nextElementSibling?.focus();
  else if (event.key === 'ArrowUp') element.previousElementSibling?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function hover(index) {
  state.hoverSwatch = index;
  emit('view');
}

const change = (swatch, body) => attempt(() => ask(`documents/${state.document.id}/swatches/${swatch.id}`, body));

function rename(name, swatch) {
  const input = h('input', { type: 'text', value: swatch.name, maxlength: '60', 'aria-label': 'Name of the swatch' });
  let done = false;
  const finish = (save) => {
    if (done) return;
    done = true;
    const text = input.value.trim();
    input.replaceWith(name);
    if (save && text && text !== swatch.name) change(swatch, { name: text });
  };
  input.addEventListener('blur', () => finish(true));
  input.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Enter' || event.key === 'Escape') finish(event.key === 'Enter');
  });
  name.replaceWith(input);
  input.select();
}

function markSelected(list) {
  for (const element of list.children) {
    const selected = Number(element.dataset.index) === state.swatch;
    element.setAttribute('aria-selected', String(selected));
    if (selected) element.scrollIntoView({ block: 'nearest' });
  }
}

/** What share of the cells is of each swatch. */
function showShares(list) {
  const labels = state.layout?.labels;
  if (!labels) return;
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  for (const element of list.children) {
    const count = counts.get(Number(element.dataset.index)) ?? 0;
    element.querySelector('.sd-share').textContent = `${count} cell${count === 1 ? '' : 's'}`;
  }
}

/** The scatter with its choice of projection; points are loaded when they or the grid change. */
function scatterBox() {
  const element = h('div.sd-scatter');
  const picture = h('img', { alt: '' });
  const tip = h('div.sd-scatter-tip', { hidden: true }, picture, h('span'));
  const choice = h('div.sd-segments.sd-small', { role: 'radiogroup', 'aria-label': 'Projection' });
  const scatter = new Scatter(element, { hovered: (point, x, y) => showTip(tip, picture, point, y, element), clicked: (point) => selectSwatch(labelOf(point)) });
  element.append(tip);
  let wanted = null; // as chosen by the user; else the best there is
  let shown = '';
  const available = () => state.document?.palette?.points ?? [];
  const current = () => (available().includes(wanted) ? wanted : available().includes('umap') ? 'umap' : available()[0]);
  const colour = () => scatter.colour(swatches().map((swatch) => swatch.colour), labelOf);
  async function load() {
    showChoice();
    const name = current();
    const key = `${state.document?.id} ${grid()?.digest} ${name}`;
    if (name && key !== shown) {
      shown = key;
      const response = await fetch(url(`documents/${state.document.id}/points/${grid().digest.slice(0, 16)}/${name}.f32`)).catch(() => null);
      if (response?.ok && shown === key) scatter.setPoints(new Float32Array(await response.arrayBuffer()));
    }
    if (name) colour();
  }
  function showChoice() {
    const waiting = activeJob('umap') && !available().includes('umap');
    const titles = { pca: 'Linear projection, at once', umap: waiting ? 'UMAP is being computed' : 'UMAP: keeps neighbours together' };
    choice.replaceChildren(...['pca', 'umap'].map((name) => h('button', {
      type: 'button', role: 'radio', 'aria-checked': String(name === current()), disabled: name === 'umap' && waiting, title: titles[name],
      onclick: () => choose(name),
    }, name === 'umap' && waiting ? 'UMAP …' : name.toUpperCase())));
  }
  function choose(name) {
    wanted = name;
    if (available().includes(name)) load();
    else attempt(() => ask(`documents/${state.document.id}/umap`, {}));
  }
  on('layout', () => grid() && colour());
  return { element, choice, load, showChoice, redraw: colour };
}

/** Swatch of a point: that of its cell as it is now, or its own where the palette stands alone. */
function labelOf(of) {
  return scene() ? state.layout?.labels[of] ?? -1 : of;
}

function showTip(tip, picture, point, y, host) {
  tip.hidden = point === null;
  if (tip.hidden) return;
  const swatch = swatches()[labelOf(point)];
  tip.querySelector('span').textContent = swatch?.name ?? 'erased';
  const path = scene() ? `documents/${state.document.id}/patches/${grid().digest.slice(0, 16)}/${point}.jpg` : swatch?.exemplars ? `documents/${state.document.id}/exemplars/${swatch.id}/0.jpg` : null;
  picture.hidden = !path;
  if (path && picture.getAttribute('src') !== url(path)) picture.src = url(path);
  const frame = host.getBoundingClientRect(); // beside the panel, so that no point is covered
  tip.style.left = `${frame.left - 122}px`;
  tip.style.top = `${Math.max(50, frame.top + y - 62)}px`;
}
