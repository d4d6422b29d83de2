// Jobs that wait: their order, and taking them out.

import { ask, attempt, emit, on, state } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';
import { titled } from './names.js';

const QUIET = new Set(['follow', 'sharpen', 'look']); // the page asks for these by itself
let asked = 0;

/** @param {HTMLElement} host  below the progress of the running job */
export function mountQueue(host) {
  const list = h('ol.sd-queue-list', { 'aria-label': 'Waiting jobs' });
  const clear = h('button', { type: 'button', id: 'sd-clear-queue', title: 'Take all waiting jobs of this document out', onclick: () => act(`documents/${state.document.id}/queue/clear`, {}) }, 'Clear');
  const box = h('section.sd-queue', { 'aria-label': 'Queue', hidden: true }, h('div.sd-row', {}, h('h3', {}, 'Waiting'), h('span.sd-spring'), clear), list);
  host.append(box);
  const show = (jobs) => {
    const waiting = jobs.filter((job) => job.state === 'queued' && !QUIET.has(job.kind));
    box.hidden = !waiting.length;
    list.replaceChildren(...waiting.map((job, index) => entry(job, index, waiting.length)));
  };
  const act = async (path, body) => {
    const answer = await attempt(() => ask(path, body));
    if (answer?.jobs) show(answer.jobs);
    else refresh();
  };
  const refresh = async () => {
    asked = 0;
    show((await ask('queue').catch(() => null))?.jobs ?? []);
  };
  const entry = (job, index, count) => {
    const button = (glyph, title, action, disabled) => h('button.sd-icon', { type: 'button', title, 'aria-label': `${title}: ${name(job)}`, html: icon(glyph, 14), disabled, onclick: action });
    return h('li', {}, h('span', {}, name(job)), button('up', 'Earlier', () => act(`jobs/${job.id}/move`, { up: true }), index === 0),
      button('down', 'Later', () => act(`jobs/${job.id}/move`, { up: false }), index === count - 1), button('close', 'Cancel', () => act(`jobs/${job.id}/cancel`, {})));
  };
  on('jobs', () => {
    const some = [...state.jobs.values()].some((job) => job.state === 'queued');
    if (!some && box.hidden) return;
    asked ||= setTimeout(refresh, 150);
  });
  emit('jobs');
}

const KINDS = { generate: 'Draw', describe: 'Lay out a sentence', encode: 'Read a region', preview: 'Draw a swatch', fidelity: 'Measure fidelity' };
const name = (job) => titled(job.title, job.document_id === state.document?.id ? state.document : null) || KINDS[job.kind] || job.kind;
