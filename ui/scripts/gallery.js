// Images side by side, to choose from: those of one wish while they are drawn, or all of the document.

import { ask, attempt, currentResult, emit, on, state, url } from './store.js';
import { activeJob } from './live.js';
import { goTo } from './history.js';
import { formatSeconds, h } from './format.js';
import { confirmFirst } from './ask.js';
import { icon } from './icons.js';

let batch = null; // the first 12 letters of a job's id; '' for all results; null while the gallery is closed
let seen = ''; // the job that opened it by itself

/** @param {HTMLElement} host  the result's pane  @param {HTMLElement} header  where the button that opens it stands */
export function mountGallery(host, header) {
  const title = h('strong');
  const rest = h('button', { type: 'button', id: 'sd-discard-rest', onclick: discardRest }, 'Discard the rest');
  const cards = h('div.sd-cards-grid', { role: 'list' });
  const box = h('section.sd-gallery', { 'aria-label': 'Images to choose from', hidden: true },
    h('header', {}, title, h('span.sd-hint-text', {}, 'Click one to go on with it'), h('span.sd-spring'), rest, h('button', { type: 'button', id: 'sd-close-gallery', onclick: () => open(null) }, 'Close')), cards);
  host.append(box);
  const button = h('button.sd-icon', { type: 'button', id: 'sd-gallery', title: 'All images side by side', 'aria-label': 'All images side by side', html: icon('tiles', 16), onclick: () => open(batch === null ? '' : null) });
  header.querySelector('.sd-spring').after(button);
  const show = () => {
    button.hidden = (state.document?.results.length ?? 0) < 2;
    box.hidden = batch === null || !state.document;
    if (box.hidden) return;
    const records = shown();
    const job = drawing();
    const waiting = job ? Math.max(0, job.parts - (batch ? records.length : job.part)) : 0;
    title.textContent = batch ? `${records.length} of ${records.length + waiting} images` : `${records.length} images`;
    rest.hidden = !batch || waiting > 0 || !records.some((record) => record.mark) || records.every((record) => record.mark);
    const key = `${batch} ${waiting} ${state.resultId} ${records.map((record) => record.id + record.mark).join()}`;
    if (cards.dataset.key !== key) {
      cards.dataset.key = key;
      const count = records.length + waiting;
      cards.style.setProperty('--sd-columns', String(count <= 2 ? count : count <= 4 ? 2 : 3));
      cards.replaceChildren(...records.map(card), ...Array.from({ length: waiting }, (_, k) => placeholder(k === 0 && job.state === 'running')));
    }
    const picture = cards.querySelector('.sd-candidate-drawing img');
    if (picture && job?.preview) picture.src = url(`jobs/${job.id}/preview/${job.preview}.jpg`);
  };
  const open = (which) => {
    batch = which;
    cards.dataset.key = '';
    show();
  };
  on('gallery', open);
  on('jobs', (job) => {
    if (job?.kind === 'generate' && job.parts > 1 && job.state === 'running' && seen !== job.id) {
      seen = job.id;
      open(job.id.slice(0, 12));
    } else show();
  });
  on('document', ({ first }) => (first ? open(null) : show()));
  on('result', show);
  on('escape', () => open(null));
}

const shown = () => state.document.results.filter((record) => !batch || record.batch === batch);
const drawing = () => {
  const job = activeJob('generate');
  return job && job.parts > 1 && (!batch || job.id.startsWith(batch)) ? job : null;
};

function card(record) {
  const number = state.document.results.indexOf(record) + 1;
  const toggle = (mark, glyph, title) => h('button.sd-icon', {
    type: 'button', title, 'aria-label': `${title}: image ${number}`, 'aria-pressed': String(record.mark === mark), 'data-mark': mark, html: icon(glyph, 16),
    onclick: () => attempt(() => ask(`${base(record)}/mark`, { mark: record.mark === mark ? '' : mark })),
  });
  return h(`div.sd-candidate${record.mark ? `.sd-${record.mark}` : ''}`, { role: 'listitem', 'data-result': record.id },
    h('button.sd-thumb', { type: 'button', 'aria-selected': String(record === currentResult()), 'aria-label': `Pick image ${number}, seed ${record.seed}`, title: 'Pick this one', onclick: () => pick(record) },
      h('img', { src: url(`thumbnails/${record.scene_id}/${record.scene_version}.jpg`), alt: '' })),
    h('div.sd-candidate-bar', {}, h('span', { title: `${record.steps} steps, ${formatSeconds(record.seconds)}` }, `seed ${record.seed}`), h('span.sd-spring'),
      toggle('kept', 'check', 'Keep'), toggle('marked', 'star', 'Mark'),
      h('button.sd-icon', { type: 'button', title: 'Discard', 'aria-label': `Discard image ${number}`, html: icon('trash', 16), onclick: () => attempt(() => ask(`${base(record)}/delete`, {})) })));
}

const placeholder = (now) => h(`div.sd-candidate${now ? '.sd-candidate-drawing' : ''}`, { role: 'listitem' }, h('div.sd-thumb', {}, now ? h('img', { alt: 'being drawn' }) : null), h('div.sd-candidate-bar', {}, h('span', {}, now ? 'drawing …' : 'waiting')));
const base = (record) => `documents/${state.document.id}/results/${record.id}`;

async function pick(record) {
  emit('gallery', null);
  await goTo(record.id);
}

async function discardRest() {
  const rest = shown().filter((record) => !record.mark);
  const yes = await confirmFirst({ title: `Discard ${rest.length} images?`, text: 'Those that you kept or marked stay; the others are removed from this server.', yes: 'Discard', no: 'Keep them', danger: true });
  if (yes) for (const record of rest) await attempt(() => ask(`${base(record)}/delete`, {}));
}
