// The panel of the tab Explore: what to do next on the way from a scene to its variations.

import { currentResult, emit, grid, on, scene, startIsOpen, state } from './store.js';
import { mountBookmarks } from './bookmarks.js';
import { settingsNow } from './draw.js';
import { useSettings } from './history.js';
import { activeJob } from './live.js';
import { h } from './format.js';
import { quantityShown, showQuantity } from './quantity.js';
import { readRegion } from './region.js';

const STEPS = [
  ['Open a slide or a scene', 'A demo scene, a file of your own, or one from the server\'s folder.'],
  ['Read a region', 'One is marked on the reference: pull its corners, or drag another. It is read into a grid of cells.'],
  ['Draw it', 'The button below draws a new image of the same layout.'],
];

/** @param {HTMLElement} element  of the component */
export function mount(element) {
  const explore = element.querySelector('#sd-panel-explore');
  const way = h('ol.sd-way', { 'aria-label': 'The way to an image' });
  const bookmarks = h('section.sd-explore-part', { 'aria-label': 'Bookmarked regions' });
  explore.append(h('h2', {}, 'Explore'), way, comparison(), closeness(), bookmarks);
  showReferenceAlone();
  mountBookmarks(bookmarks);
  const show = () => {
    if (state.kiosk) STEPS[0][1] = 'One of the demo scenes; or paint, or describe an image.'; // nothing is uploaded there
    const done = !state.document || !scene() ? 0 : !grid() ? 1 : !currentResult() ? 2 : 3;
    way.hidden = done === 3;
    way.replaceChildren(...STEPS.map(([title, text], index) => step(title, text, index, done)));
  };
  for (const name of ['document', 'result', 'jobs', 'region', 'start-opened', 'start-closed', 'kiosk']) on(name, show);
  show();
}

/** The first image of a scene is held against it: the grid over the reference would be in the way, until one paints. */
function showReferenceAlone() {
  let aside = false;
  const lay = (shown) => {
    [aside, state.overlay.reference] = [!shown, shown];
    emit('view');
  };
  on('result', ({ isNew }) => isNew && scene() && state.tab === 'explore' && state.document.results.length === 1 && state.overlay.reference && lay(false));
  on('tab', () => aside && state.tab === 'paint' && !state.overlay.reference && lay(true));
  on('document', ({ first }) => { if (first) aside = false; });
}

const VIEWS = [['both', 'Side by side', 'Both move together (V)'], ['curtain', 'Curtain', 'One lies over the other; draw it aside'], ['blink', 'Blink', 'One in the place of the other (X)']];

/** Ways to hold the result against the reference. */
function comparison() {
  const group = h('div.sd-segments', { role: 'radiogroup', 'aria-label': 'How to compare' });
  for (const [view, name, title] of VIEWS) {
    group.append(h('button', { type: 'button', role: 'radio', title, 'data-view': view, onclick: () => { state.view = view; emit('view'); } }, name));
  }
  const fidelity = h('button', { type: 'button', id: 'sd-compare-fidelity', title: 'Reads the image back and compares what was asked for with what came out, cell by cell', onclick: () => showQuantity('result', quantityShown('result') === 'fidelity' ? 'cluster' : 'fidelity') }, 'How well each cell follows');
  const part = h('section.sd-explore-part', { 'aria-label': 'Compare' }, h('h3', {}, 'Compare with the reference'), group, h('div.sd-row', {}, fidelity));
  const show = () => {
    part.hidden = !scene() || !currentResult();
    for (const button of group.children) button.setAttribute('aria-checked', String(button.dataset.view === state.view));
    fidelity.setAttribute('aria-pressed', String(state.overlay.result && quantityShown('result') === 'fidelity'));
  };
  for (const name of ['document', 'result', 'view']) on(name, show);
  show();
  return part;
}

const CLOSENESS = [[100, 'Free', 'From the grid alone: the same layout, drawn anew'], [70, 'Loose', 'Large shapes of the reference stay'], [45, 'Near', 'Most of the reference stays, details change']];

/** How much of the reference stays in a variation: presets of the strength under Advanced. */
function closeness() {
  const group = h('div.sd-segments', { role: 'radiogroup', 'aria-label': 'How close to the reference' });
  for (const [strength, name, title] of CLOSENESS) {
    group.append(h('button', { type: 'button', role: 'radio', title, 'data-strength': strength, onclick: () => useSettings({ strength }) }, name));
  }
  const part = h('section.sd-explore-part', { 'aria-label': 'Variation' }, h('h3', {}, 'How close to the reference'), group, h('p', {}, 'Choose below how many images to draw; each has a seed of its own.'));
  const show = () => {
    part.hidden = !grid();
    for (const button of group.children) button.setAttribute('aria-checked', String(Number(button.dataset.strength) === settingsNow().strength));
  };
  for (const name of ['wish', 'document']) on(name, show);
  show();
  return part;
}

function step(title, text, index, done) {
  const current = index === done && !activeJob('encode') && !activeJob('generate');
  const action = current ? actionOf(index) : null;
  return h(`li${index < done ? '.sd-done' : ''}`, { 'aria-current': current ? 'step' : undefined }, h('strong', {}, title), index === done ? h('span', {}, text) : null, action);
}

/** What a step asks for as a button, where it stands nowhere near. */
function actionOf(index) {
  if (index === 0 && !startIsOpen()) return h('button', { type: 'button', onclick: () => emit('start') }, 'Open a scene');
  if (index === 1 && state.region && state.tool === 'region') return h('button.sd-primary', { type: 'button', id: 'sd-read-here', onclick: readRegion }, `Read ${state.region.rows} × ${state.region.cols} cells`);
  return null;
}
