// Layouts that a sentence gave: coloured cells with names, those of the newest sentence first. A click takes one into the document.

import { ask, attempt, emit, grid, state, swatches } from './store.js';
import { decode, h, rgb } from './format.js';

const NAMED = 5; // swatches named beside a layout

/** @param {{more: (layout: object) => void}} actions */
export function layoutCards({ more }) {
  const list = h('div.sd-layouts', { role: 'radiogroup', 'aria-label': 'Layouts' });
  const hint = h('p.sd-hint-text', { hidden: true }, 'Change it with the brushes of Paint. Cells selected with the lasso (L) stay when the rest is laid out again.');
  const element = h('section.sd-layouts-part', { 'aria-label': 'Layouts to choose from' }, list, hint);
  let layouts = [];
  let shown = ''; // what the cards show
  let asked = 0;

  const show = () => {
    hint.hidden = !layouts.length;
    const key = JSON.stringify([state.document?.id, layouts.map((one) => one.key), swatches().map((swatch) => [swatch.name, swatch.colour])]);
    if (key !== shown) list.replaceChildren(...newestFirst(layouts).map((one) => card(one, more)));
    shown = key;
    for (const element of list.children) element.querySelector('.sd-layout').setAttribute('aria-checked', String(element.dataset.digest === grid()?.digest));
  };

  /** Ask what there is; only the last answer counts. */
  const load = async () => {
    asked += 1;
    const [mine, id] = [asked, state.document?.id];
    const answer = grid() ? await ask(`documents/${id}/proposals`).catch(() => null) : { proposals: [] };
    if (!answer || mine !== asked || id !== state.document?.id) return;
    const before = layouts.at(-1)?.key;
    layouts = answer.proposals;
    show();
    if (layouts.at(-1)?.key !== before) emit('layouts', layouts.at(-1));
  };

  let followed = '';
  return {
    element, load, empty: () => !layouts.length, has: (text) => layouts.some((one) => one.text === text),
    /** Each layout is shown when it is there. */
    follow(job) {
      const key = `${job.id} ${job.part} ${job.state}`;
      if (key === followed) return;
      followed = key;
      if (job.part || job.state === 'done') load();
    },
  };
}

/** Those of one wish in the order in which they came, so that none is pushed away. */
function newestFirst(layouts) {
  const batches = [...new Set(layouts.map((one) => one.batch))].reverse();
  return batches.flatMap((batch) => layouts.filter((one) => one.batch === batch));
}

function card(layout, more) {
  const counts = shares(layout);
  const named = counts.slice(0, NAMED).map(([index, share]) => h('li', {}, h('span.sd-chip', { style: `background:${swatches()[index].colour}` }), h('span', {}, swatches()[index].name), h('span.sd-percent', {}, percent(share))));
  const rest = counts.slice(NAMED).reduce((sum, [, share]) => sum + share, 0);
  if (rest > 0) named.push(h('li.sd-hint-text', {}, `${counts.length - NAMED} more`, h('span.sd-percent', {}, percent(rest))));
  const said = counts.map(([index, share]) => `${swatches()[index].name} ${percent(share)}`).join(', ');
  return h('div.sd-layout-card', { 'data-key': layout.key, 'data-digest': layout.digest },
    h('button.sd-layout', { type: 'button', role: 'radio', 'aria-checked': 'false', 'aria-label': `Take this layout: ${said}`, title: layout.text, onclick: () => take(layout) }, picture(layout)),
    h('ul', {}, ...named),
    h('button.sd-quiet', { type: 'button', title: 'New layouts that keep much of this one', onclick: () => more(layout) }, 'More like this'));
}

const take = (layout) => attempt(() => ask(`documents/${state.document.id}/proposals/${layout.key}/take`, {}));
const percent = (share) => (share < 0.01 ? 'under 1 %' : `${Math.round(100 * share)} %`);

/** [[index of a swatch, share of the cells], …], the largest first. */
function shares({ labels }) {
  const counts = new Map();
  const cells = decode(labels, Int16Array);
  for (const label of cells) if (swatches()[label]) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].map(([label, count]) => [label, count / cells.length]).sort((a, b) => b[1] - a[1]);
}

/** One pixel a cell; the style makes it large. */
function picture({ rows, cols, labels }) {
  const canvas = h('canvas', { width: cols, height: rows });
  const pen = canvas.getContext('2d');
  const image = pen.createImageData(cols, rows);
  decode(labels, Int16Array).forEach((label, cell) => image.data.set([...rgb(swatches()[label]?.colour ?? '#808080'), 255], cell * 4));
  pen.putImageData(image, 0, 0);
  return canvas;
}
