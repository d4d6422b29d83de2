// The scatter with its choice of projection. Hover shows the patch, a click takes the swatch, a line around points selects them.

import { ask, attempt, grid, on, scene, selectSwatch, state, swatches, url } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';
import { activeJob } from './live.js';
import { Scatter } from './scatter.js';
import { deselect, describeSelection, makeSwatch, selectedCells, selectedPoints, selectPoints } from './selection.js';

export function scatterBox() {
  const element = h('div.sd-scatter');
  const picture = h('img', { alt: '' });
  const tip = h('div.sd-scatter-tip', { hidden: true }, picture, h('span'));
  const choice = h('div.sd-segments.sd-small', { role: 'radiogroup', 'aria-label': 'Projection' });
  const scatter = new Scatter(element, {
    hovered: (point, x, y) => showTip(tip, picture, point, y, element),
    clicked: (point) => (point === null ? deselect() : selectSwatch(labelOf(point))),
    lassoed: (indices, of) => selectPoints(indices, scene() ? of : null),
  });
  element.append(tip, selectionBar());
  let wanted = null; // as chosen by the user; else the best there is
  let shown = '';
  const available = () => state.document?.palette?.points ?? [];
  const current = () => (available().includes(wanted) ? wanted : available().includes('umap') ? 'umap' : available()[0]);
  const colour = () => scatter.colour(swatches().map((swatch) => swatch.colour), labelOf);
  async function load() {
    showChoice();
    const name = current();
    const version = state.document?.palette?.points_key; // of the grid, or without a scene of the palette
    const key = `${state.document?.id} ${version} ${name}`;
    if (name && key !== shown) {
      shown = key;
      const response = await fetch(url(`documents/${state.document.id}/points/${version}/${name}.f32`)).catch(() => null);
      if (response?.status === 200 && shown === key) scatter.setPoints(new Float32Array(await response.arrayBuffer()));
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
  on('marks', () => scatter.mark(selectedPoints(), scene() && selectedCells().size ? selectedCells() : null));
  on('jobs', (job) => (!job || job.kind === 'umap') && showChoice());
  return { element, choice, load, redraw: colour };
}

/** What is selected, and what can be made of it. */
function selectionBar() {
  const count = h('span');
  const bar = h('div.sd-selection-bar', { hidden: true, role: 'status' }, count, h('span.sd-spring'),
    h('button', { type: 'button', id: 'sd-make-swatch', class: 'sd-quiet', onclick: makeSwatch }, 'Make swatch'),
    h('button.sd-icon', { type: 'button', 'aria-label': 'Deselect', title: 'Deselect (Esc)', html: icon('close', 14), onclick: deselect }));
  on('marks', () => {
    bar.hidden = !selectedPoints(); // what the lasso took on the grid is told in the bar above
    count.textContent = describeSelection();
  });
  return bar;
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
