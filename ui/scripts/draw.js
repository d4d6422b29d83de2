// What the Draw button will do, said on the button: what changed, all of it, another one, or several variations.

import { currentResult, emit, grid, on, scene, startIsOpen, state } from './store.js';
import { activeJob } from './live.js';
import { followToggle } from './follow.js';
import { newCells } from './grow.js';
import { drawTheRest, isVirtual, tilesLeft } from './virtual.js';
import { question } from './question.js';
import { h } from './format.js';

const SPEEDS = [
  ['fast', 'Fast', 'In four steps, by a network made for them: seconds, and crisp; guidance and steps do not count'],
  ['fine', 'Fine', 'In as many steps as Advanced says, by the model itself: follows the grid most closely'],
];
const COUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const MOST_CHANGED = 0.6; // as on the server: above it all is drawn
let settings = { seed: 0, steps: 20, guidance: 1.5, engine: '', strength: 100 };
let count = 1;
let appearance = '';
let anew = false;
let fast = null; // as the model begins, until somebody chooses

// Gradio's fields tell what is in them; the button's handler asks for the rest.
window.ssldiffSettings = (seed, steps, guidance, engine, strength) => {
  const sameDocument = settings.document === state.document?.id;
  if (steps !== settings.steps || (sameDocument && guidance !== settings.guidance)) fast = false; // they count for Fine
  settings = { seed, steps, guidance, engine, strength, document: state.document?.id };
  emit('wish');
};
window.ssldiffWish = () => {
  const wish = { ...plan().values, fast: isFast(), anew, appearance, shown: state.resultId ?? '', accept: Boolean(question()) };
  anew = false;
  return JSON.stringify(wish);
};

/** Fields of the wish as the page would send it now, for a drawing that the page asks for by itself. */
export const currentWish = () => ({
  seed: settings.seed, steps: settings.steps, guidance_scale: settings.guidance, engine: settings.engine, strength: settings.strength / 100, fast: isFast(),
  appearance, shown: state.resultId ?? '',
});

/** Several variations are asked for elsewhere on the page too. */
export function setCount(next) {
  count = next;
  emit('wish');
}

export const settingsNow = () => settings;

/** Whether the model's student draws: it is chosen, there is one, and no engine is asked for by name. */
export const isFast = () => Boolean((fast ?? state.document?.begins_fast) && state.document?.has_student) && !settings.engine;

/** @param {boolean} next  whether to draw fast, where the model has a student */
export function setFast(next) {
  fast = next;
  emit('wish');
}

export const countNow = () => count;

export const pendingCells = () => state.layout?.pending.reduce((sum, one) => sum + one, 0) ?? 0;

const asShown = (record) => record && record.seed === settings.seed && Boolean(record.fast) === isFast() && (record.fast
  || (record.steps === settings.steps && Math.abs(record.guidance_scale - settings.guidance) < 1e-6 && (!settings.engine || settings.engine === record.engine)));

/** What pressing the button does: its text, whether it goes on from the shown result, and what goes beyond the fields. */
export function plan() {
  const record = currentResult();
  const cells = pendingCells();
  const plain = settings.strength >= 100 && !appearance;
  const of = (values, text, goesOn = false) => ({ text, goesOn, cells, values: { count, ...values } });
  if (isVirtual()) return of({}, tilesLeft() === null ? 'Draw the rest' : `Draw the rest · ${tilesLeft()} tiles`);
  if (count > 1) return of(nextSeed(cells), `Draw ${count} variations`);
  const fresh = newCells();
  if (record?.goes_on && plain && fresh && asShown(record)) {
    if (cells === fresh) return of({}, `Draw ${cells} new cell${cells === 1 ? '' : 's'}`, true);
    return of({}, 'Draw all of it');
  }
  if (record?.goes_on && plain && cells && asShown(record) && cells <= MOST_CHANGED * grid().rows * grid().cols) {
    return of({}, `Draw ${cells} changed cell${cells === 1 ? '' : 's'}`, true);
  }
  if (record && !cells && asShown(record) && record.strength * 100 === settings.strength && record.appearance === appearance) return of(nextSeed(0), 'Draw another');
  if (question()) return of({}, 'Draw it anyway');
  return of({}, !record ? 'Draw it' : cells ? 'Draw all of it' : plain ? 'Draw it again' : 'Draw a variation');
}

/** The seed after all that were drawn of this layout, where the chosen one was drawn already. */
function nextSeed(cells) {
  const seeds = (state.document?.results ?? []).map((record) => record.seed);
  return !cells && seeds.includes(settings.seed) ? { seed: Math.max(...seeds) + 1 } : {};
}

/** @param {HTMLElement} element  of the component above the button */
export function mount(element) {
  const host = element.querySelector('.sd-draw');
  const group = h('div.sd-segments', { role: 'radiogroup', 'aria-label': 'Number of images' });
  for (const value of COUNTS) {
    group.append(h('button', { type: 'button', role: 'radio', 'data-count': value, title: value === 1 ? 'One image' : `${value} images of this layout, by ${value} seeds`, onclick: () => setCount(value) }, String(value)));
  }
  const speed = h('div.sd-segments', { role: 'radiogroup', 'aria-label': 'Speed' });
  for (const [name, text, title] of SPEEDS) {
    speed.append(h('button', { type: 'button', role: 'radio', 'data-speed': name, title, onclick: () => setFast(name === 'fast') }, text));
  }
  const speedField = h('div.sd-field', {}, h('span', {}, 'Speed'), speed);
  host.append(h('div.sd-field', {}, h('span', {}, 'Images'), group), speedField, h('span.sd-spring'), followToggle());
  const show = () => {
    host.hidden = isVirtual(); // a slide is drawn where one looks, one image of it
    speedField.hidden = !state.document?.has_student;
    for (const button of speed.children) {
      button.disabled = Boolean(settings.engine);
      button.setAttribute('aria-checked', String((button.dataset.speed === 'fast') === isFast()));
    }
    for (const button of group.children) button.setAttribute('aria-checked', String(Number(button.dataset.count) === count));
  };
  on('document', ({ first }) => first && setCount(1));
  for (const name of ['wish', 'document', 'layout']) on(name, show);
  show();
}

/** @param {HTMLElement} host  above the button */
export function mountAnew(host) {
  const other = h('button.sd-wide', { type: 'button', id: 'sd-anew', title: 'Draw the whole image again, not only what changed', onclick: () => {
    anew = true;
    document.querySelector('#sd-generate')?.click();
  } }, 'Draw all anew');
  host.append(other);
  const show = () => {
    const wanted = plan();
    const button = document.querySelector('#sd-generate');
    if (button && button.textContent !== wanted.text) button.textContent = wanted.text;
    if (button) {
      button.disabled = !grid() || startIsOpen();
      button.title = grid() ? '' : 'Read a region first: an image is drawn from a grid';
    }
    other.hidden = !wanted.goesOn || Boolean(activeJob('generate'));
  };
  for (const name of ['wish', 'layout', 'document', 'result', 'jobs', 'virtual', 'start-opened', 'start-closed']) on(name, show);
  // before Gradio hears of it: a canvas too large to be drawn at once is drawn tile by tile
  document.addEventListener('click', (event) => {
    if (!isVirtual() || !event.target.closest?.('#sd-generate')) return;
    event.stopImmediatePropagation();
    drawTheRest();
  }, true);
  show();
  setTimeout(show, 500); // Gradio may put its button there later
}

/** Colours of the scene, or of another result, for the finished image: a field under Advanced. */
export function mountAppearance(element) {
  const select = h('select', { id: 'sd-appearance', 'aria-label': 'Colours', onchange: () => {
    appearance = select.value;
    emit('wish');
  } });
  element.querySelector('.sd-more').append(h('label', {}, h('strong', {}, 'Colours'), h('span.sd-hint-text', {}, 'Give the image the colours of another one; its shapes stay.'), select));
  const show = () => {
    const results = state.document?.results ?? [];
    const options = [['', 'The model\'s own'], ...(scene()?.version ? [['scene', 'As in the scene']] : []), ...results.map((record, k) => [record.id, `As result ${k + 1}`])];
    if (!options.some(([value]) => value === appearance)) appearance = '';
    select.replaceChildren(...options.map(([value, text]) => h('option', { value, selected: value === appearance }, text)));
  };
  on('document', show);
  show();
}
