// The panel of the tab Describe: a sentence, the layouts that it proposes as coloured cells with names, and which one is taken.

import { ask, attempt, emit, grid, on, state } from './store.js';
import { showDocument } from './live.js';
import { deselect, describeSelection, pairs, selectedCells } from './selection.js';
import { modelsButton } from './models.js';
import { h } from './format.js';

const SEEDS = 2 ** 31;
let parts = null;
let proposal = null; // what was proposed last: {job, text, seed, candidates, notes}
let taken = null; // the token of the candidate that is in the layout
let kept = ''; // the cells that were kept when the proposal was made, as text
let job = null; // id of the job that lays out
let seed = 0;

/** @param {HTMLElement} element  of the component */
export function mount(element) {
  const host = element.querySelector('#sd-panel-describe');
  parts = {
    text: h('textarea', { id: 'sd-text', rows: '3', maxlength: '1000', placeholder: 'What the image shows, and where', 'aria-label': 'Sentence', onkeydown: (event) => {
      if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); layOut(); }
    } }),
    negative: h('input', { type: 'text', id: 'sd-negative', maxlength: '300', placeholder: 'nothing left out' }),
    model: h('select', { id: 'sd-describe-model', 'aria-label': 'Model', onchange: () => show() }),
    rows: side('Rows'), cols: side('Columns'),
    count: h('select', { id: 'sd-candidates', 'aria-label': 'Layouts to choose from' }, ...[1, 2, 3, 4, 6].map((n) => h('option', { value: n, selected: n === 3 }, String(n)))),
    examples: h('div.sd-examples', { role: 'list', 'aria-label': 'Examples' }),
    canvas: h('div.sd-field', {}),
    keep: h('p.sd-keep', { hidden: true }),
    submit: h('button.sd-primary', { type: 'button', id: 'sd-lay-out', onclick: layOut }, 'Lay it out'),
    message: h('p.sd-describe-message', { role: 'alert', hidden: true }),
    notes: h('ul.sd-notes', { hidden: true }),
    cards: h('div.sd-layouts', { role: 'radiogroup', 'aria-label': 'Layouts' }),
    none: h('p.sd-empty', { id: 'sd-no-prior', hidden: true }),
  };
  parts.canvas.append(parts.model, h('span', {}, parts.rows, ' × ', parts.cols, ' cells'));
  parts.form = h('div.sd-describe-form', {}, parts.text, parts.examples, parts.canvas,
    h('details', {}, h('summary', {}, 'More'), h('label.sd-field', {}, h('span', {}, 'Leave out'), parts.negative), h('label.sd-field', {}, h('span', {}, 'Layouts to choose from'), parts.count)),
    parts.keep, parts.submit, parts.message, parts.notes);
  host.append(h('h2', {}, 'Describe'), parts.none, parts.form, parts.cards);
  on('library', show);
  on('start', show);
  on('marks', show);
  on('document', ({ first }) => { if (first && state.document.id !== parts.cards.dataset.document) forget(); show(); });
  on('proposal', receive);
  on('jobs', follow);
  on('tab', show);
  show();
}

const side = (label) => h('input', { type: 'number', min: '1', max: '128', value: '8', 'aria-label': label });
const models = () => state.models.filter((model) => model.sentences?.length);

/** The model of the open layout; without one, the chosen model. */
const model = () => (grid() ? state.models.find((one) => one.id === state.document.model_id) : models().find((one) => one.id === parts.model.value) ?? models()[0]);

function forget() {
  [proposal, taken, job] = [null, null, null];
  parts.cards.replaceChildren();
  tell('');
  parts.notes.hidden = true;
}

function show() {
  const able = model()?.sentences?.length > 0;
  parts.none.hidden = able;
  parts.form.hidden = !able;
  if (!able) {
    const others = models().map((one) => one.id);
    parts.none.replaceChildren(grid() && others.length
      ? `${state.document.model_id} does not read text. ${others.join(' and ')} do: begin an empty canvas with one of them.`
      : 'No model here reads text. A model does when it has a grid prior: ssldiff train prior --help.', modelsButton());
    return;
  }
  const known = models().map((one) => one.id).join();
  if (parts.model.dataset.known !== known) {
    parts.model.dataset.known = known;
    parts.model.replaceChildren(...models().map((one) => h('option', { value: one.id }, one.id)));
  }
  parts.canvas.hidden = Boolean(grid());
  if (parts.examples.dataset.model !== model().id) {
    parts.examples.dataset.model = model().id;
    parts.examples.replaceChildren(...model().sentences.map((text) => h('button.sd-example', { type: 'button', role: 'listitem', onclick: () => { parts.text.value = text; parts.text.focus(); } }, text)));
  }
  const selection = grid() && selectedCells().size ? describeSelection() : '';
  parts.keep.hidden = !selection;
  parts.keep.replaceChildren(selection ? `${selection} selected: they stay, the rest is laid out. ` : '', selection ? h('button.sd-quiet', { type: 'button', onclick: deselect }, 'Lay out all') : '');
  parts.submit.disabled = Boolean(job);
  parts.submit.textContent = job ? 'Laying out …' : proposal && proposal.text === parts.text.value.trim() ? 'Lay out others' : 'Lay it out';
}

/** Ask for layouts; on an empty page a canvas is begun first. `like` is the seed of a layout to stay near to. */
async function layOut(event, like = null) {
  const text = parts.text.value.trim();
  if (!text) return tell('Type a sentence, or choose one of the examples.');
  if (job) return undefined;
  tell('');
  job = 'asked';
  show();
  const answer = await attempt(async () => {
    if (!grid()) {
      const made = await ask('documents', { model: parts.model.value, rows: Number(parts.rows.value), cols: Number(parts.cols.value), name: text });
      parts.cards.dataset.document = made.id;
      showDocument(made);
      emit('way', 'describe');
    }
    kept = JSON.stringify(pairs(selectedCells()));
    const again = proposal?.text === text || like !== null;
    seed = again ? (seed + Number(parts.count.value) + 1) % SEEDS : seed;
    return ask(`documents/${state.document.id}/describe`, { text, negative: parts.negative.value, count: Number(parts.count.value), seed, like, keep: pairs(selectedCells()) });
  });
  job = answer?.job.id ?? null;
  show();
  return undefined;
}

function receive(message) {
  if (message.job !== job && job !== 'asked') return;
  proposal = message;
  parts.notes.replaceChildren(...message.notes.map((note) => h('li', {}, note)));
  parts.notes.hidden = !message.notes.length;
  parts.cards.replaceChildren(...message.candidates.map(card));
  take(message.candidates[0]);
}

function follow(news) {
  if (!job || news?.id !== job || ['queued', 'running'].includes(news.state)) return;
  job = null;
  if (news.state === 'failed') tell(news.message);
  show();
}

/** One edit, in place of the candidate that was taken before. */
async function take(candidate) {
  if (taken === candidate.token) return;
  const answer = await attempt(() => ask(`documents/${state.document.id}/paste`, { token: candidate.token, row: candidate.row, col: candidate.col }));
  if (!answer) return;
  taken = candidate.token;
  mark();
}

function mark() {
  for (const element of parts.cards.children) element.querySelector('.sd-layout').setAttribute('aria-checked', String(element.dataset.token === taken));
}

function card(candidate, index) {
  const names = candidate.shares.slice(0, 4).map(({ name, colour, share }) => h('li', {}, h('span.sd-chip', { style: `background:${colour}` }), `${name} ${Math.round(100 * share)} %`));
  const more = candidate.shares.length > 4 ? h('li.sd-hint-text', {}, `and ${candidate.shares.length - 4} more`) : null;
  const said = candidate.shares.map(({ name, share }) => `${name} ${Math.round(100 * share)} percent`).join(', ');
  return h('div.sd-layout-card', { 'data-token': candidate.token },
    h('button.sd-layout', { type: 'button', role: 'radio', 'aria-checked': 'false', 'aria-label': `Layout ${index + 1}: ${said}`, title: 'Take this layout', onclick: () => take(candidate) }, picture(candidate)),
    h('ul', {}, ...names, more),
    h('button.sd-quiet', { type: 'button', title: 'Layouts near to this one', onclick: (event) => layOut(event, proposal.seed + index) }, 'More like this'));
}

/** The cells as a small picture, one square each. */
function picture({ rows, cols, cells, colours }) {
  const size = Math.max(1, Math.floor(120 / Math.max(rows, cols)));
  const canvas = h('canvas', { width: cols * size, height: rows * size });
  const pen = canvas.getContext('2d');
  cells.forEach((kind, cell) => {
    pen.fillStyle = colours[kind];
    pen.fillRect((cell % cols) * size, Math.floor(cell / cols) * size, size, size);
  });
  return canvas;
}

function tell(text) {
  parts.message.textContent = text;
  parts.message.hidden = !text;
}
