// The panel of the tab Explore: what to do next on the way from a scene to its variations.

import { currentResult, emit, grid, on, scene, state } from './store.js';
import { mountBookmarks } from './bookmarks.js';
import { settingsNow } from './draw.js';
import { useSettings } from './history.js';
import { activeJob } from './live.js';
import { h } from './format.js';

const STEPS = [
  ['Open a slide or a scene', 'A demo scene, a file of your own, or one from the server\'s folder.'],
  ['Pick a region and read it', 'Drag on the reference; the region is read into a grid of cells.'],
  ['Draw it', 'The model draws a new image of the same layout. Another seed gives a variation.'],
];

/** @param {HTMLElement} element  of the component */
export function mount(element) {
  const explore = element.querySelector('#sd-panel-explore');
  const way = h('ol.sd-way', { 'aria-label': 'The way to an image' });
  const bookmarks = h('section.sd-explore-part', { 'aria-label': 'Bookmarked regions' });
  explore.append(h('h2', {}, 'Explore'), way, closeness(), bookmarks);
  mountBookmarks(bookmarks);
  const show = () => {
    const done = !state.document || !scene() ? 0 : !grid() ? 1 : !currentResult() ? 2 : 3;
    way.hidden = done === 3;
    way.replaceChildren(...STEPS.map(([title, text], index) => step(title, text, index, done)));
  };
  for (const name of ['document', 'result', 'jobs']) on(name, show);
  show();
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
  const action = current && index === 0 ? h('button', { type: 'button', onclick: () => emit('start') }, 'Open a scene') : null;
  return h(`li${index < done ? '.sd-done' : ''}`, { 'aria-current': current ? 'step' : undefined }, h('strong', {}, title), index === done ? h('span', {}, text) : null, action);
}
