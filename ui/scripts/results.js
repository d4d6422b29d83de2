// Results of a document: a strip to go back to any of them, and what can be downloaded.

import { activeJob, cancelJob } from './live.js';
import { currentResult, emit, on, state, url } from './store.js';
import { formatSeconds, h } from './format.js';
import { icon } from './icons.js';

export function mountResults(header, strip) {
  const facts = h('span.sd-pane-facts');
  const menu = downloadMenu();
  header.insertBefore(facts, header.querySelector('.sd-spring'));
  header.insertBefore(menu.element, header.querySelector('.sd-spring').nextSibling);
  const show = () => {
    const record = currentResult();
    facts.textContent = record ? `seed ${record.seed} · ${record.steps} steps · ${formatSeconds(record.seconds)}` : '';
    menu.element.hidden = !record;
    showStrip(strip);
  };
  on('result', show);
  on('document', show);
  on('jobs', () => showStrip(strip));
}

function showStrip(strip) {
  const results = state.document?.results ?? [];
  strip.hidden = results.length < 2;
  const key = `${state.document?.id} ${results.map((record) => record.id).join()} ${state.resultId}`;
  if (strip.dataset.key === key) return;
  strip.dataset.key = key;
  strip.replaceChildren(...results.map((record, index) => {
    const selected = record.id === state.resultId;
    return h('button.sd-thumb', {
      type: 'button', role: 'option', 'aria-selected': String(selected), title: `Result ${index + 1}: seed ${record.seed}, ${record.steps} steps, ${record.edits} edits`,
      onclick: () => {
        state.resultId = record.id;
        emit('result', { isNew: false });
        emit('view');
      },
    }, h('img', { src: url(`thumbnails/${record.scene_id}/${record.scene_version}.jpg`), alt: `Result ${index + 1}`, loading: 'lazy' }), h('span', {}, String(index + 1)));
  }));
  strip.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

function downloadMenu() {
  const list = h('div.sd-menu', { role: 'menu', hidden: true });
  const button = h('button.sd-icon', {
    type: 'button', title: 'Download the result', 'aria-label': 'Download the result', 'aria-haspopup': 'menu', 'aria-expanded': 'false', id: 'sd-download',
    html: icon('download', 16), onclick: () => toggle(list.hidden),
  });
  const toggle = (open) => {
    if (open) list.replaceChildren(...entries());
    list.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (open) list.querySelector('a')?.focus();
  };
  const element = h('div.sd-menu-anchor', {}, button, list);
  document.addEventListener('pointerdown', (event) => element.contains(event.target) || toggle(false));
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || list.hidden) return;
    event.stopPropagation();
    toggle(false);
    button.focus();
  });
  list.addEventListener('click', () => toggle(false));
  return { element };
}

function entries() {
  const { id } = currentResult();
  const base = `documents/${state.document.id}/results/${id}`;
  const entry = (what, title, note) => h('a', { role: 'menuitem', href: url(`${base}/${what}`), download: '' }, h('strong', {}, title), h('span', {}, note));
  return [
    entry('image.ome.tif', 'OME-TIFF', 'Pyramid with pixel size and manifest; opens in QuPath'),
    entry('image.png', 'PNG', 'Full size, manifest inside'),
    entry('manifest.json', 'Manifest', 'What made this image, and how to make it again'),
    h('p.sd-menu-note', {}, 'Every file is marked SYNTHETIC.'),
  ];
}

/** The part of the Generate panel below its button: progress while it runs. */
function mountProgress(host) {
  const bar = h('progress', { max: '1', 'aria-label': 'Progress of the generation' });
  const text = h('span.sd-progress-text', { 'aria-live': 'polite' });
  const cancel = h('button', { type: 'button', id: 'sd-cancel', title: 'Stop (Esc)' }, 'Cancel');
  const box = h('div.sd-progress', { hidden: true }, bar, h('div.sd-row', {}, text, h('span.sd-spring'), cancel));
  host.append(box);
  cancel.addEventListener('click', () => {
    const job = activeJob('generate');
    if (job) cancelJob(job);
  });
  on('jobs', () => {
    const job = activeJob('generate');
    box.hidden = !job;
    document.body.classList.toggle('sd-generating', Boolean(job));
    if (!job) return;
    if (job.state === 'running' && job.total) bar.value = job.done / job.total;
    else bar.removeAttribute('value');
    const eta = job.eta_s ? ` · ${formatSeconds(job.eta_s)} left` : '';
    text.textContent = job.state === 'queued'
      ? job.before ? `Waiting for ${job.before} job${job.before > 1 ? 's' : ''} before it` : 'Starting …'
      : `${job.phase[0]?.toUpperCase() ?? ''}${job.phase.slice(1)} · step ${job.done} of ${job.total}${eta}`;
  });
}

export const mountProgressIn = (element) => mountProgress(element.querySelector('.sd-progress-host'));
