// The palette panel: points of the grid's embeddings, swatches, and a card for the swatch in hand.

import { emit, on, state, swatches } from './store.js';
import { h } from './format.js';
import { paletteMenu } from './palette-menu.js';
import { scatterBox } from './scatter-box.js';
import { mountSwatches } from './swatch-list.js';
import { swatchCard } from './swatch-card.js';

export function mount(element) {
  const host = element.querySelector('.sd-palette');
  const empty = h('p.sd-empty', {}, 'The palette comes with the grid: open a scene and read a region.');
  const list = h('div.sd-swatches', { role: 'listbox', 'aria-label': 'Swatches', 'aria-multiselectable': 'true', tabindex: '-1' });
  const points = scatterBox();
  const menu = paletteMenu();
  const card = swatchCard();
  host.append(h('header.sd-side-head', {}, h('h2', {}, 'Palette'), h('span.sd-spring'), points.choice, menu.element), empty, points.element, list, card.element);
  const swatchList = mountSwatches(list);
  const show = () => {
    const some = swatches().length > 0;
    empty.hidden = some;
    for (const part of [points.element, points.choice, menu.element, card.element]) part.hidden = !some;
    swatchList.show();
    points.load();
    card.show();
    emit('palette-shown');
  };
  on('palette', show);
  on('theme', () => points.redraw());
  show();
}
