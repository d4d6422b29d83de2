// Three ways to work on one document: explore a scene, paint its grid, describe one. The tabs change the side panel and the tools at hand.

import { emit, grid, on, scene, setTool, state } from './store.js';
import { h } from './format.js';

const TABS = [
  ['explore', 'Explore', 'Open a scene, pick a region, draw variations of it'],
  ['paint', 'Paint', 'Paint on the grid with the palette'],
  ['describe', 'Describe', 'Say in a sentence what the image shows'],
];
const PAINT_TOOLS = new Set(['brush', 'rectangle', 'lasso', 'fill', 'pick', 'erase', 'paste']);
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** @param {HTMLElement} host  gets the list of tabs */
export function mountTabs(host) {
  const buttons = TABS.map(([id, name, title]) => h('button', {
    type: 'button', role: 'tab', id: `sd-tab-${id}`, title, 'aria-controls': `sd-panel-${id}`, 'data-tab': id, onclick: () => chooseTab(id),
  }, name));
  const list = h('div.sd-tabs', { role: 'tablist', 'aria-label': 'Ways to work' }, ...buttons);
  list.addEventListener('keydown', (event) => {
    const here = TABS.findIndex(([id]) => id === state.tab);
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? TABS.length - 1 : STEPS[event.key] ? (here + STEPS[event.key] + TABS.length) % TABS.length : null;
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    chooseTab(TABS[next][0]);
    buttons[next].focus();
  });
  const show = () => {
    document.body.dataset.tab = state.tab;
    for (const button of buttons) {
      const selected = button.dataset.tab === state.tab;
      button.setAttribute('aria-selected', String(selected));
      button.tabIndex = selected ? 0 : -1;
    }
  };
  host.append(list);
  on('tab', show);
  on('tool', () => PAINT_TOOLS.has(state.tool) && state.tab === 'explore' && setTab('paint'));
  on('document', ({ first }) => first && setTab(rememberedTab() ?? fittingTab()));
  show();
}

/** Go to a tab, and take a tool of it in hand. */
export function chooseTab(tab) {
  setTab(tab);
  if (!state.document) return;
  if (tab === 'paint' && grid() && !PAINT_TOOLS.has(state.tool)) setTool('brush');
  if (tab === 'explore' && PAINT_TOOLS.has(state.tool)) setTool(grid() || !scene() ? 'pan' : 'region');
}

function setTab(tab) {
  if (state.document) sessionStorage.setItem(key(), tab);
  if (state.tab === tab) return;
  state.tab = tab;
  emit('tab');
}

const key = () => `ssldiff-tab-${state.document.id}`;

function rememberedTab() {
  const tab = sessionStorage.getItem(key());
  return TABS.some(([id]) => id === tab) ? tab : null;
}

/** Where a document without a scene, or one that was painted on, goes on. */
const fittingTab = () => (!scene() || state.document.layout?.edits ? 'paint' : 'explore');
