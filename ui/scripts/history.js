// The results of a document as a filmstrip with their settings: one click goes back to any.

import { ask, attempt, currentResult, emit, notify, on, state, url } from './store.js';
import { formatAge, formatLength, formatSeconds, h, whole } from './format.js';
import { confirmFirst } from './ask.js';
import { setFast, settingsNow } from './draw.js';
import { menu } from './menu.js';

export function showStrip(strip) {
  const results = state.document?.results ?? [];
  strip.hidden = results.length < 2;
  const key = `${state.document?.id} ${results.map((record) => record.id + record.mark).join()} ${state.resultId}`;
  if (strip.dataset.key === key) return;
  strip.dataset.key = key;
  strip.replaceChildren(...results.map((record, index) => film(record, index)));
  strip.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

function film(record, index) {
  const selected = record.id === state.resultId;
  const near = record.strength < 1 ? closenessOf(record.strength) : '';
  const settings = `seed ${record.seed}, ${near ? `${near} to the reference, ` : ''}${record.steps} steps, guidance ${record.guidance_scale}, ${record.edits} edit${record.edits === 1 ? '' : 's'}`;
  return h(`div.sd-film${record.mark === 'marked' ? '.sd-marked' : ''}`, {}, h('button.sd-thumb', {
    type: 'button', role: 'option', 'aria-selected': String(selected), title: `Result ${index + 1}: ${settings}`, 'aria-label': `Result ${index + 1}: ${settings}`,
    onclick: () => goTo(record.id),
    onkeydown: (event) => step(event, index),
  }, h('img', { src: url(`thumbnails/${record.scene_id}/${record.scene_version}.jpg`), alt: '', loading: 'lazy' }), h('span', {}, String(index + 1))),
  h('small', { 'aria-hidden': 'true' }, `${record.mark === 'marked' ? '★ ' : ''}seed ${record.seed}`), near ? h('small', { 'aria-hidden': 'true' }, near) : null);
}

/** The closest of the presets, as a word. */
const closenessOf = (strength) => (strength > 0.57 ? 'loose' : 'near');

/** Show a result, and bring back the layout that it was drawn from: one step of undo. */
export async function goTo(id) {
  if (id === state.resultId) return;
  state.resultId = id;
  emit('result', { isNew: false });
  emit('view');
  attempt(() => ask(`documents/${state.document.id}/results/${id}/show`, {}));
}

function step(event, index) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const next = by && state.document.results[index + by];
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  goTo(next.id);
  document.querySelectorAll('.sd-strip .sd-thumb')[index + by]?.focus();
}

let reuse = () => {};

/** `handler({seed, steps, guidance_scale})` puts settings into the Generate panel. */
export function setReuseHandler(handler) {
  reuse = handler;
}

/** Put settings into the fields; those that are left out stay as they are. */
export function useSettings(some) {
  const { seed, steps, guidance, strength } = settingsNow();
  reuse({ seed, steps, guidance_scale: guidance, strength: strength / 100, ...some, ...(some.strength === undefined ? {} : { strength: some.strength / 100 }) });
}

/** How the shown result was made, and what can be done with it. */
export function settingsMenu() {
  const { element } = menu({ id: 'sd-settings', title: 'How this result was made', glyph: 'settings', entries });
  on('result', () => { element.hidden = !currentResult(); });
  on('document', () => { element.hidden = !currentResult(); });
  return element;
}

function entries() {
  const record = currentResult();
  const facts = [
    ['Model', record.model_id], ['Seed', record.seed], ['Steps', record.steps], ['Guidance', record.guidance_scale],
    ['Drawn by', record.fast ? 'the fast network' : 'the model'], ['Engine', record.engine], ...(record.strength < 1 ? [['Variation strength', `${Math.round(100 * record.strength)} %`]] : []), ['Edits', record.edits], ['Size', `${whole(record.width)} × ${whole(record.height)} px`], ['Pixel size', formatLength(record.pixel_size_m)],
    ['Drawn in', formatSeconds(record.seconds)], ['Made', formatAge(record.created)],
  ];
  return [
    h('dl.sd-settings', {}, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, String(value))])),
    h('button', { type: 'button', role: 'menuitem', 'data-action': 'reuse', onclick: () => {
      const own = record.fast ? {} : { steps: record.steps, guidance_scale: record.guidance_scale }; // a student has its own
      const { steps, guidance } = settingsNow();
      reuse({ steps, guidance_scale: guidance, ...own, seed: record.seed, strength: record.strength });
      setFast(Boolean(record.fast));
      notify('Seed, speed, steps and guidance of this result are set for the next image.', 'info');
    } }, h('strong', {}, 'Use these settings'), h('span', {}, 'For the next image')),
    record.steps < settingsNow().steps || record.steps < 20 ? h('button', { type: 'button', role: 'menuitem', 'data-action': 'finish', onclick: () => attempt(() => ask(`documents/${state.document.id}/results/${record.id}/finish`, { steps: Math.max(20, settingsNow().steps) })) }, h('strong', {}, `Finish in ${Math.max(20, settingsNow().steps)} steps`), h('span', {}, record.fast ? 'The same seed, by the model itself' : 'The same picture in full quality')) : null,
    h('button', { type: 'button', role: 'menuitem', 'data-action': 'delete-result', onclick: () => remove(record) }, h('strong', {}, 'Delete this result …'), h('span', {}, 'The layout stays')),
  ].filter(Boolean);
}

async function remove(record) {
  const yes = await confirmFirst({ title: 'Delete this result?', text: 'Its image is removed from this server. The layout and the other results stay.', yes: 'Delete', no: 'Keep it', danger: true });
  if (yes) attempt(() => ask(`documents/${state.document.id}/results/${record.id}/delete`, {}));
}
