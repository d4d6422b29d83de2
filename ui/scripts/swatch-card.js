// The card of the swatch in hand: what the model draws for it, its nearest patches, and mixing it with another.

import { ask, attempt, emit, grid, on, scene, state, swatches, url } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';
import { mergeSwatches, mixSwatches, removeSwatch, undoPalette } from './palette-actions.js';
import { markedSwatches } from './swatch-list.js';
import { Preview } from './preview.js';

const NEAREST = 12;

export function swatchCard() {
  const element = h('section.sd-card-of-swatch', { 'aria-label': 'The swatch in hand' });
  const preview = new Preview();
  const open = { mix: false, nearest: false };
  const mixing = { other: null, share: 0.5 };
  let notice = false;
  const swatch = () => swatches()[state.swatch];
  const other = () => swatches().find((one) => one.id === mixing.other && one.id !== swatch()?.id) ?? swatches().find((one) => one.id !== swatch()?.id) ?? null;
  const redraw = () => preview.want(open.mix && other() ? { swatch: swatch().id, other: other().id, share: mixing.share } : { swatch: swatch()?.id });
  const toggle = (name) => {
    open[name] = !open[name];
    open[name === 'mix' ? 'nearest' : 'mix'] = false;
    show();
  };

  function head() {
    const button = (name, text, title) => h('button', { type: 'button', title, 'aria-expanded': String(open[name]), class: `sd-quiet${open[name] ? ' sd-on' : ''}`, onclick: () => toggle(name) }, text);
    return h('div.sd-card-head', {}, preview.element, h('div.sd-card-text', {},
      h('strong', {}, swatch().name), h('span.sd-origin', { title: swatch().origin }, swatch().origin || `${swatch().vectors} examples`),
      h('div.sd-row', {}, button('mix', 'Mix', 'A new swatch between this and another'), button('nearest', 'Nearest', 'The patches most like this swatch'),
        h('span.sd-spring'), h('button.sd-icon', { type: 'button', title: 'Delete the swatch', 'aria-label': `Delete ${swatch().name}`, disabled: swatches().length < 2, html: icon('trash', 16), onclick: () => removeSwatch(swatch()) }))));
  }

  function mixPanel() {
    const choice = h('select', { 'aria-label': 'Mix with', onchange: () => { mixing.other = choice.value; show(); } },
      ...swatches().filter((one) => one.id !== swatch().id).map((one) => h('option', { value: one.id, selected: one.id === other()?.id }, one.name)));
    const share = h('output', {}, `${Math.round(mixing.share * 100)} %`);
    const slider = h('input.sd-mix', { type: 'range', min: '5', max: '95', step: '5', value: String(mixing.share * 100), id: 'sd-mix', 'aria-label': 'Share of the other swatch', style: `--from:${swatch().colour};--to:${other().colour}`, oninput: () => {
      mixing.share = Number(slider.value) / 100;
      share.textContent = `${slider.value} %`;
      redraw();
    } });
    return h('div.sd-card-panel', {}, h('label.sd-field', {}, h('span', {}, 'with'), choice, share), slider,
      h('button', { type: 'button', id: 'sd-add-mix', onclick: () => mixSwatches(swatch(), other(), mixing.share) }, 'Add to palette'));
  }

  function nearestPanel() {
    const strip = h('div.sd-nearest', { role: 'list', 'aria-label': `Patches nearest to ${swatch().name}` });
    const { id } = swatch();
    attempt(() => ask(`documents/${state.document.id}/swatches/${id}/nearest?n=${NEAREST}`)).then((answer) => {
      if (answer && swatch()?.id === id) strip.replaceChildren(...answer.patches.map(patch));
    });
    return h('div.sd-card-panel', {}, strip);
  }

  function markedPanel(chosen) {
    return [h('div.sd-card-text', {}, h('strong', {}, `${chosen.length} swatches`), h('span.sd-origin', {}, 'The first gives name and colour.'),
      h('div.sd-row', {}, h('button', { type: 'button', id: 'sd-merge', onclick: () => mergeSwatches(chosen) }, `Merge into ${chosen[0].name}`)))];
  }

  function changeLine() {
    const what = state.document?.palette?.last_change;
    if (!notice || !what) return [];
    return [h('div.sd-change-line', { role: 'status' }, h('span', { title: what }, what), h('button', { type: 'button', class: 'sd-quiet', onclick: () => { undoPalette().then(() => { notice = false; show(); }); } }, 'Undo'))];
  }

  function show() {
    if (!swatch()) return element.replaceChildren();
    const chosen = markedSwatches();
    const panels = [open.mix && other() ? mixPanel() : null, open.nearest ? nearestPanel() : null].filter(Boolean);
    if (!element.contains(document.activeElement) || !['SELECT', 'INPUT'].includes(document.activeElement.tagName) || document.activeElement.tagName === 'SELECT') {
      element.replaceChildren(...changeLine(), ...(chosen.length ? markedPanel(chosen) : [head(), ...panels]));
    }
    if (!chosen.length) redraw();
    return undefined;
  }

  on('selection', show);
  on('marked', show);
  on('palette-changed', () => { notice = true; show(); });
  return { element, show };
}

/** A patch; a click goes to its cell on the reference. */
function patch({ cell, row, col, cosine, swatch, index }) {
  const path = scene() ? `documents/${state.document.id}/patches/${grid().digest.slice(0, 16)}/${cell}.jpg` : `documents/${state.document.id}/exemplars/${swatch}/${index}.jpg`;
  const where = scene() ? `Row ${row + 1}, column ${col + 1}` : 'An example of the palette';
  const picture = h('img', { src: url(path), alt: '', loading: 'lazy' });
  const title = `${where} · cosine ${cosine.toFixed(2)}`;
  if (!scene()) return h('span', { role: 'listitem', title }, picture);
  return h('button.sd-thumb', { type: 'button', role: 'listitem', title, 'aria-label': title, onmouseenter: () => emit('point-at', cell), onmouseleave: () => emit('point-at', null), onclick: () => emit('go-to', cell) }, picture);
}

