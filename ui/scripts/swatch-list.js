// The swatches: pick one to paint with, mark several to merge, drag to reorder, rename, recolour.

import { emit, grid, on, selectSwatch, state, swatches, url } from './store.js';
import { h } from './format.js';
import { changeSwatch, removeSwatch, reorderSwatches } from './palette-actions.js';

const EXEMPLARS = 4;
const DRAG_FROM = 6; // screen pixels: less is a click
const marked = new Set(); // ids, in the order they were marked

/** The swatches that are marked together with the one in hand; one alone is none. */
export const markedSwatches = () => (marked.size > 1 ? [...marked].map((id) => swatches().find((swatch) => swatch.id === id)).filter(Boolean) : []);

export function mountSwatches(list) {
  let shown = '';
  const show = () => {
    const key = JSON.stringify([state.document?.id, swatches()]);
    if (key === shown) return;
    shown = key;
    for (const id of marked) if (!swatches().some((swatch) => swatch.id === id)) marked.delete(id);
    list.replaceChildren(...swatches().map((swatch, index) => row(list, swatch, index)));
    markSelected(list);
    showShares(list);
  };
  on('selection', () => {
    const id = swatches()[state.swatch]?.id;
    if (!marked.has(id)) marked.clear();
    markSelected(list);
  });
  on('marked', () => markSelected(list));
  on('layout', () => showShares(list));
  on('rename', (index) => list.children[index] && rename(list.children[index].querySelector('.sd-swatch-name'), swatches()[index]));
  return { show };
}

function row(list, swatch, index) {
  const colour = h('input.sd-colour', { type: 'color', value: swatch.colour, title: 'Colour of the swatch', 'aria-label': `Colour of ${swatch.name}`, onchange: (event) => changeSwatch(swatch, { colour: event.target.value }) });
  const name = h('span.sd-swatch-name', { title: `${swatch.name} · double-click to rename` }, swatch.name);
  const pictures = Array.from({ length: Math.min(EXEMPLARS, swatch.exemplars) }, (_, k) => h('img', { src: url(`documents/${state.document.id}/exemplars/${swatch.id}/${k}.jpg`), alt: '', loading: 'lazy', draggable: 'false' }));
  const element = h('div.sd-swatch', {
    role: 'option', tabindex: '0', 'data-index': index, 'data-id': swatch.id, 'aria-label': `${swatch.name}${index < 9 ? `, key ${index + 1}` : ''}`,
    onclick: (event) => choose(event, swatch, index), onmouseenter: () => hover(index), onmouseleave: () => hover(null),
    ondblclick: (event) => event.target === name && rename(name, swatch),
    onkeydown: (event) => press(event, element, name, swatch, index),
    onpointerdown: (event) => beginReorder(event, list, element),
  }, h('kbd', {}, index < 9 ? String(index + 1) : ''), h('span.sd-chip', { style: `background:${swatch.colour}` }, colour),
  h('span.sd-swatch-text', {}, name, h('span.sd-share')), h('span.sd-exemplars', {}, ...pictures));
  return element;
}

/** A click takes the swatch in hand; with Ctrl or Shift it is marked beside those that are. */
function choose(event, swatch, index) {
  if (!(event.ctrlKey || event.metaKey || event.shiftKey)) {
    marked.clear();
    selectSwatch(index);
    return emit('marked');
  }
  if (!marked.size && swatches()[state.swatch]) marked.add(swatches()[state.swatch].id);
  if (event.shiftKey) for (let i = Math.min(index, state.swatch); i <= Math.max(index, state.swatch); i += 1) marked.add(swatches()[i].id);
  else if (!marked.delete(swatch.id)) marked.add(swatch.id);
  return emit('marked');
}

function press(event, element, name, swatch, index) {
  if (event.target !== element) return;
  if (event.altKey && ['ArrowUp', 'ArrowDown'].includes(event.key)) move(index, event.key === 'ArrowUp' ? -1 : 1);
  else if (event.key === 'Enter' || event.code === 'Space') choose(event, swatch, index);
  else if (event.key === 'F2') rename(name, swatch);
  else if (event.key === 'Delete') removeSwatch(swatch);
  else if (event.key === 'ArrowDown') element.nextElementSibling?.focus();
  else if (event.key === 'ArrowUp') element.previousElementSibling?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function move(index, by) {
  const ids = swatches().map((swatch) => swatch.id);
  const to = index + by;
  if (to < 0 || to >= ids.length) return;
  ids.splice(to, 0, ...ids.splice(index, 1));
  reorderSwatches(ids).then(() => document.querySelector(`.sd-swatch[data-index="${to}"]`)?.focus());
}

/** Drag a row to its new place: a line shows where it will come. */
function beginReorder(event, list, element) {
  if (event.button !== 0 || event.target.closest('input')) return;
  const start = event.clientY;
  let to = null;
  const line = h('div.sd-drop-line');
  const follow = (moved) => {
    if (to === null && Math.abs(moved.clientY - start) < DRAG_FROM) return;
    const rows = [...list.querySelectorAll('.sd-swatch')];
    to = rows.filter((other) => moved.clientY > other.getBoundingClientRect().top + other.offsetHeight / 2).length;
    element.classList.add('sd-dragged');
    list.insertBefore(line, rows[to] ?? null);
  };
  const finish = (ended) => {
    for (const [name, handler] of [['pointermove', follow], ['pointerup', finish], ['pointercancel', finish]]) document.removeEventListener(name, handler);
    line.remove();
    element.classList.remove('sd-dragged');
    if (to === null || ended.type !== 'pointerup') return;
    const swallow = (click) => click.stopImmediatePropagation(); // the click that ends a drag chooses nothing
    list.addEventListener('click', swallow, { capture: true });
    setTimeout(() => list.removeEventListener('click', swallow, { capture: true }), 0);
    const ids = swatches().map((swatch) => swatch.id);
    const from = Number(element.dataset.index);
    const [moved] = ids.splice(from, 1);
    ids.splice(to > from ? to - 1 : to, 0, moved);
    if (ids.indexOf(moved) !== from) reorderSwatches(ids);
  };
  document.addEventListener('pointermove', follow);
  document.addEventListener('pointerup', finish);
  document.addEventListener('pointercancel', finish);
}

function hover(index) {
  state.hoverSwatch = index;
  emit('view');
}

function rename(name, swatch) {
  const input = h('input', { type: 'text', value: swatch.name, maxlength: '60', 'aria-label': 'Name of the swatch' });
  let done = false;
  const finish = (save) => {
    if (done) return;
    done = true;
    const text = input.value.trim();
    input.replaceWith(name);
    if (save && text && text !== swatch.name) changeSwatch(swatch, { name: text });
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
  for (const element of list.querySelectorAll('.sd-swatch')) {
    const selected = Number(element.dataset.index) === state.swatch;
    element.setAttribute('aria-selected', String(selected));
    element.classList.toggle('sd-marked', marked.has(element.dataset.id));
    if (selected) element.scrollIntoView({ block: 'nearest' });
  }
}

/** What share of the cells is of each swatch. */
function showShares(list) {
  const labels = state.layout?.labels;
  if (!labels || !grid()) return;
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  for (const element of list.querySelectorAll('.sd-swatch')) {
    const count = counts.get(Number(element.dataset.index)) ?? 0;
    element.querySelector('.sd-share').textContent = `${count} cell${count === 1 ? '' : 's'}`;
  }
}
