// The result's header: how it was made, what can be taken out, its history; and the progress of a generation.

import { activeJob, cancelJob } from './live.js';
import { currentResult, on } from './store.js';
import { exportMenu } from './exports.js';
import { mountAnew } from './draw.js';
import { mountQueue } from './queue.js';
import { formatSeconds, h } from './format.js';
import { settingsMenu, showStrip } from './history.js';

/** @param {{reference: object, result: object}} panes */
export function mountResults(header, strip, panes) {
  const facts = h('span.sd-pane-facts');
  const menu = exportMenu(panes);
  const spring = header.querySelector('.sd-spring');
  header.insertBefore(facts, spring);
  spring.after(settingsMenu(), menu.element);
  const show = () => {
    const record = currentResult();
    const how = record?.changed_cells ? ` · ${record.changed_cells} cell${record.changed_cells === 1 ? '' : 's'} drawn again` : '';
    facts.textContent = record ? `seed ${record.seed}${how || ` · ${record.steps} steps`}` : '';
    facts.title = record ? `seed ${record.seed} · ${record.steps} steps${how} · drawn in ${formatSeconds(record.seconds)}` : '';
    menu.element.hidden = !record;
    showStrip(strip);
  };
  on('result', show);
  on('document', show);
  on('jobs', () => showStrip(strip));
}

/** The part of the Generate panel above its button, which stays where it is: progress while it runs. */
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
      : `${progressOf(job)}${eta}`;
  });
}

function progressOf(job) {
  if (job.parts > 1) return `Image ${job.part + 1} of ${job.parts}`;
  if (job.phase !== 'drawing') return `${job.phase[0]?.toUpperCase() ?? ''}${job.phase.slice(1)} …`;
  return `Step ${job.done} of ${job.total}`;
}

export function mountProgressIn(element) {
  const host = element.querySelector('.sd-progress-host');
  mountAnew(host);
  mountProgress(host);
  mountQueue(host);
}
