// Reference and result over each other: a curtain to draw aside, or one and the other in turn.

import { currentResult, emit, on, scene, state } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';

export const STACKED = new Set(['curtain', 'blink']);
const BLINK_MS = 700;
const KEY_STEP = 0.02;

let share = 0.5; // of the width, where the curtain hangs
let shown = 'result'; // which of the two a blink shows
let timer = 0;

/** @param {HTMLElement} host  the element that holds both panes */
export function mountCompare(host) {
  const handle = curtainHandle(host);
  const flip = blinkSwitch();
  host.append(handle, flip);
  const show = () => {
    const stacked = Boolean(scene()) && STACKED.has(state.view);
    host.dataset.stacked = String(stacked);
    handle.hidden = !stacked || state.view !== 'curtain';
    flip.hidden = !stacked || state.view !== 'blink';
    if (!flip.hidden) shown = currentResult() ? shown : 'reference';
    host.dataset.shown = shown;
    if (flip.hidden) stopBlinking(flip);
    place(host, handle);
  };
  on('view', show);
  on('document', show);
  on('flip', () => turn(host, flip));
  flip.querySelector('[data-turn]').addEventListener('click', () => emit('flip'));
  flip.querySelector('[data-auto]').addEventListener('click', () => (timer ? stopBlinking(flip) : startBlinking(flip)));
  show();
}

function place(host, handle) {
  host.style.setProperty('--sd-curtain', `${(share * 100).toFixed(2)}%`);
  handle.setAttribute('aria-valuenow', String(Math.round(share * 100)));
}

function curtainHandle(host) {
  const handle = h('div.sd-curtain', {
    role: 'slider', tabindex: '0', 'aria-label': 'Curtain between reference and result', 'aria-valuemin': '0', 'aria-valuemax': '100', hidden: true,
    title: 'Drag the curtain; left of it is the reference, right of it the result',
  }, h('span.sd-curtain-grip', { html: icon('curtain', 18) }));
  const move = (to) => {
    share = Math.max(0, Math.min(1, to));
    place(host, handle);
  };
  handle.addEventListener('pointerdown', (event) => {
    event.preventDefault();
    event.stopPropagation();
    handle.setPointerCapture(event.pointerId);
    handle.focus();
    const frame = host.getBoundingClientRect();
    handle.onpointermove = ({ clientX }) => move((clientX - frame.left) / frame.width);
  });
  for (const end of ['pointerup', 'pointercancel']) handle.addEventListener(end, () => { handle.onpointermove = null; });
  handle.addEventListener('keydown', (event) => {
    const to = { ArrowLeft: share - KEY_STEP, ArrowRight: share + KEY_STEP, Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(to);
  });
  return handle;
}

function blinkSwitch() {
  return h('div.sd-blink', { hidden: true, role: 'group', 'aria-label': 'Blink' },
    h('button', { type: 'button', 'data-turn': '', title: 'The other one (X)' }, 'Show the other', h('kbd', {}, 'X')),
    h('button', { type: 'button', 'data-auto': '', 'aria-pressed': 'false', title: 'One and the other in turn' }, 'In turn'));
}

/** Show the other of the two; outside a blink this begins one. */
function turn(host, flip) {
  if (!scene() || !currentResult()) return;
  if (state.view !== 'blink') {
    state.view = 'blink';
    shown = 'result';
    emit('view');
  }
  shown = shown === 'result' ? 'reference' : 'result';
  host.dataset.shown = shown;
  flip.dataset.shown = shown;
}

function startBlinking(flip) {
  timer = setInterval(() => emit('flip'), BLINK_MS);
  flip.querySelector('[data-auto]').setAttribute('aria-pressed', 'true');
}

function stopBlinking(flip) {
  clearInterval(timer);
  timer = 0;
  flip.querySelector('[data-auto]').setAttribute('aria-pressed', 'false');
}
