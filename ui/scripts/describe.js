// The panel of the tab Describe: a sentence, what it may be laid out on, and what is said of it. The layouts are in layouts.js.

import { ask, emit, grid, on, scene, ServerError, startIsOpen as onStart, state } from './store.js';
import { activeJob, cancelJob, showDocument } from './live.js';
import { deselect, describeSelection, pairs, selectedCells } from './selection.js';
import { layoutCards } from './layouts.js';
import { modelsButton } from './models.js';
import { readRegion } from './region.js';
import { formatSeconds, h } from './format.js';

const SHIFT_ENTER = (event) => event.key === 'Enter' && !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.isComposing;
let parts = null;
let cards = null;
let asking = false; // a wish is under way to the server
let fresh = false; // whether a new canvas is wanted although a layout is open
let failed = ''; // id of the job whose failure was told

/** @param {HTMLElement} element  of the component */
export function mount(element) {
  const host = element.querySelector('#sd-panel-describe');
  cards = layoutCards({ more: (layout) => layOut({ text: layout.text, negative: layout.negative, like: layout.key }) });
  parts = { ...fields(), ...answers() };
  parts.fold = h('details', { open: true }, h('summary', {}, 'Examples'), parts.examples);
  parts.submit = h('button.sd-primary', { type: 'button', id: 'sd-lay-out', onclick: () => layOut() }, 'Lay it out');
  parts.form = h('div.sd-describe-form', {}, parts.text, parts.message, parts.notes, parts.fold, parts.unread, parts.where, parts.canvas,
    h('details', {}, h('summary', {}, 'More'), h('label.sd-field', {}, h('span', {}, 'Leave out'), parts.negative), h('label.sd-field', {}, h('span', {}, 'Layouts to choose from'), parts.count)),
    parts.keep, parts.submit, parts.progress);
  host.append(h('h2', {}, 'Describe'), parts.none, parts.form, cards.element);
  on('document', ({ first }) => {
    if (first) [fresh, failed] = [false, ''];
    if (first) tell('');
    cards.load();
  });
  on('palette', () => cards.load());
  on('jobs', (job) => job?.kind === 'describe' && follow(job));
  for (const name of ['library', 'start-opened', 'start-closed', 'marks', 'document', 'tab', 'jobs', 'region']) on(name, show);
  on('layouts', (layout) => showNotes(layout));
  show();
}

function fields() {
  const side = (label) => h('input', { type: 'number', min: '1', max: '128', value: '8', 'aria-label': label });
  const [rows, cols] = [side('Rows of the canvas'), side('Columns of the canvas')];
  const model = h('select', { id: 'sd-describe-model', 'aria-label': 'Model', onchange: () => show() });
  const way = (wanted, text, title) => h('button', { type: 'button', role: 'radio', title, 'data-fresh': String(wanted), onclick: () => { fresh = wanted; show(); } }, text);
  return {
    rows, cols, model,
    text: h('textarea', { id: 'sd-text', rows: '3', placeholder: 'What the image shows, and where', 'aria-label': 'What the image shows', 'aria-describedby': 'sd-describe-message', oninput: () => show(), onkeydown: (event) => {
      if (!SHIFT_ENTER(event)) return;
      event.preventDefault();
      layOut();
    } }),
    negative: h('input', { type: 'text', id: 'sd-negative', placeholder: 'nothing', 'aria-label': 'What to leave out' }),
    count: h('select', { id: 'sd-candidates' }, ...[1, 2, 3, 4].map((n) => h('option', { value: n, selected: n === 3 }, String(n)))),
    examples: h('div.sd-examples', { role: 'group', 'aria-label': 'Examples' }),
    where: h('div.sd-segments', { role: 'radiogroup', 'aria-label': 'Where' }, way(false, 'This layout', 'Lay out the open layout anew; one undo takes it back'), way(true, 'A new canvas', 'Begin a document of its own')),
    canvas: h('div.sd-field', {}, model, h('span', {}, rows, ' × ', cols, ' cells')),
  };
}

function answers() {
  const bar = h('progress', { max: '1', 'aria-label': 'Progress of the layouts' });
  const text = h('span.sd-progress-text', { 'aria-live': 'polite' });
  const stop = h('button', { type: 'button', id: 'sd-cancel-describe', title: 'Stop (Esc)', onclick: () => activeJob('describe') && cancelJob(activeJob('describe')) }, 'Cancel');
  return {
    bar, progressText: text,
    keep: h('p.sd-keep', { hidden: true }),
    unread: h('div.sd-unread', { hidden: true }),
    message: h('p.sd-describe-message', { id: 'sd-describe-message', role: 'alert', hidden: true }),
    notes: h('ul.sd-notes', { hidden: true, 'aria-label': 'What to know of this sentence' }),
    none: h('p.sd-empty', { id: 'sd-no-prior', hidden: true }),
    progress: h('div.sd-progress', { hidden: true }, bar, h('div.sd-row', {}, text, h('span.sd-spring'), stop)),
  };
}

const readers = () => state.models.filter((model) => model.sentences?.length);
const ownReads = () => readers().some((model) => model.id === state.document?.model_id);

/** Whether the sentence begins a document of its own. */
const begins = () => !grid() || onStart() || fresh || !ownReads();

const model = () => (begins() ? readers().find((one) => one.id === parts.model.value) ?? readers()[0] : readers().find((one) => one.id === state.document.model_id));

function show() {
  const able = readers().length > 0;
  parts.none.hidden = able && (ownReads() || !grid() || onStart());
  parts.form.hidden = !able;
  if (!able) parts.none.replaceChildren('No model here reads sentences yet. One does when it comes with a grid prior: ', h('code', {}, 'ssldiff train prior --help'), ' says how to make one. ', modelsButton());
  else parts.none.textContent = `The model ${state.document?.model_id} does not read sentences. What you type begins a new canvas of a model that does.`;
  cards.element.hidden = !able || onStart();
  if (!able) return;
  const known = readers().map((one) => one.id).join();
  if (parts.model.dataset.known !== known) {
    parts.model.dataset.known = known;
    parts.model.replaceChildren(...readers().map((one) => h('option', { value: one.id }, one.id)));
    const likely = state.document?.model_id;
    if (readers().some((one) => one.id === likely)) parts.model.value = likely;
  }
  parts.where.hidden = !grid() || onStart() || !ownReads();
  for (const button of parts.where.children) button.setAttribute('aria-checked', String(button.dataset.fresh === String(fresh)));
  parts.canvas.hidden = !begins();
  showUnread();
  showExamples();
  showKept();
  const job = activeJob('describe');
  parts.submit.hidden = Boolean(job);
  parts.submit.disabled = asking;
  parts.submit.textContent = asking ? 'Reading the sentence …' : keeping().length ? 'Fill the rest' : cards.has(parts.text.value.trim()) && !begins() ? 'Lay out others' : 'Lay it out';
}

/** A scene that was not read has no layout to lay out anew: how it gets one, and what a sentence does until then. */
function showUnread() {
  parts.unread.hidden = !scene() || Boolean(grid()) || onStart();
  if (parts.unread.hidden) return;
  const { rows, cols } = state.region ?? {};
  const busy = Boolean(activeJob('encode'));
  const way = !scene().pixel_size_m ? 'Say above the reference how large a pixel is; then a region of it can be read and laid out.'
    : busy ? 'The region is being read …' : 'No region of this scene has been read. A sentence lays out the marked region when it is read; until then it begins a canvas of its own.';
  const key = `${way} ${rows} ${cols}`;
  if (parts.unread.dataset.key === key) return;
  parts.unread.dataset.key = key;
  const button = scene().pixel_size_m && state.region && !busy ? h('button', { type: 'button', id: 'sd-read-to-describe', onclick: readRegion }, `Read ${rows} × ${cols} cells`) : null;
  parts.unread.replaceChildren(...[h('p', {}, way), button].filter(Boolean));
}

function showExamples() {
  const open = String(onStart() || (cards.empty() && parts.unread.hidden)); // folded where something else needs the room
  if (parts.fold.dataset.wanted !== open) [parts.fold.dataset.wanted, parts.fold.open] = [open, open === 'true'];
  if (parts.examples.dataset.model === model().id) return;
  parts.examples.dataset.model = model().id;
  parts.examples.replaceChildren(...model().sentences.map((text) => h('button.sd-example', { type: 'button', title: 'Lay this out', onclick: () => {
    parts.text.value = text;
    layOut();
  } }, text)));
}

const keeping = () => (begins() ? [] : pairs(selectedCells()));

function showKept() {
  const selection = keeping().length ? describeSelection() : '';
  parts.keep.hidden = !selection;
  parts.keep.replaceChildren(...(selection ? [`The ${selection} selected stay${/^1 /.test(selection) ? 's' : ''} as now. `, h('button.sd-quiet', { type: 'button', onclick: deselect }, 'Lay out all')] : []));
}

/** Ask for layouts; what is wrong with the sentence is said beside it. */
async function layOut({ text = parts.text.value.trim(), negative = parts.negative.value.trim(), like = null } = {}) {
  if (asking) return;
  [asking, failed] = [true, ''];
  tell('');
  show();
  try {
    const wish = { text, negative, count: Number(parts.count.value) };
    if (like) await ask(`documents/${state.document.id}/describe`, { ...wish, like });
    else if (begins()) {
      const size = { rows: Number(parts.rows.value), cols: Number(parts.cols.value) };
      const made = await ask('described-documents', { ...wish, ...size, model: model().id });
      sessionStorage.setItem(`ssldiff-tab-${made.id}`, 'describe');
      showDocument(made);
    } else await ask(`documents/${state.document.id}/describe`, { ...wish, keep: keeping() });
  } catch (error) {
    if (!(error instanceof ServerError)) console.error(error);
    tell(error.message);
    parts.text.focus();
  }
  asking = false;
  show();
}

function follow(job) {
  const running = ['queued', 'running'].includes(job.state);
  parts.progress.hidden = !running;
  if (job.state === 'running' && job.done) parts.bar.value = job.done / job.total;
  else parts.bar.removeAttribute('value');
  const eta = job.eta_s ? ` · ${formatSeconds(job.eta_s)} left` : '';
  parts.progressText.textContent = job.state === 'queued' ? (job.before ? `Waiting for ${job.before} job${job.before > 1 ? 's' : ''} before it` : 'Starting …') : `Layout ${job.part + 1} of ${job.parts}${eta}`;
  cards.follow(job);
  if (job.state === 'failed' && failed !== job.id && Date.now() / 1000 - job.finished < 30) {
    failed = job.id;
    tell(job.message);
  }
}

/** Unknown words and the like, of the sentence whose layouts are newest. */
function showNotes(layout) {
  const notes = layout?.notes ?? [];
  parts.notes.hidden = !notes.length;
  parts.notes.replaceChildren(...notes.map((note) => h('li', {}, note)));
  if (layout && !parts.text.value.trim()) {
    parts.text.value = layout.text;
    parts.negative.value = layout.negative;
  }
  show();
}

function tell(text) {
  parts.message.textContent = text;
  parts.message.hidden = !text;
  if (text) parts.notes.hidden = true;
}
