// A stage: a gallery while nobody touches the screen; after a while without a touch everything begins anew.

import { ask, emit, on, state, url } from './store.js';
import { h } from './format.js';
import { restoreTheme } from './topbar.js';

const EACH_MS = 9000;
const TOUCHES = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];

let show = null;

/** Ask once whether this server is a stage; elsewhere nothing happens. */
export async function startKiosk() {
  const facts = await ask('kiosk').catch(() => null);
  if (!facts?.kiosk) return;
  document.body.classList.add('sd-kiosk');
  restoreTheme('dark'); // images shine on a stage; a visitor may choose light until the next one comes
  state.kiosk = true;
  emit('kiosk');
  let last = Date.now();
  for (const name of TOUCHES) addEventListener(name, (event) => { last = Date.now(); if (name !== 'pointermove') wake(event); }, { capture: true, passive: false });
  setInterval(() => {
    if (Date.now() - last < facts.idle_s * 1000 || show) return;
    if (state.document) reset();
    else openShow(facts.pictures);
  }, 500);
  if (!/document=/.test(location.hash)) openShow(facts.pictures);
}

/** A fresh page: what a visitor opened stays on the server and is not shown to the next. */
function reset() {
  for (const key of ['ssldiff-document', 'ssldiff-theme']) localStorage.removeItem(key);
  location.replace(location.pathname);
}

function wake(event) {
  if (!show) return;
  event.preventDefault();
  event.stopPropagation();
  clearInterval(show.timer);
  show.element.remove();
  show = null;
}

function openShow(pictures) {
  if (show) return;
  const image = h('img', { alt: '' });
  const text = h('span');
  const element = h('section.sd-show', { 'aria-label': 'Gallery', tabindex: '0' }, image,
    h('div.sd-show-text', {}, h('strong', {}, 'Touch to paint an image of your own'), h('span', {}, h('b', {}, 'SYNTHETIC'), ' · drawn by ssldiff from a grid of embeddings · ', text)));
  let index = -1;
  const next = () => {
    if (!pictures.length) return;
    index = (index + 1) % pictures.length;
    const one = pictures[index];
    image.classList.remove('sd-shown');
    image.onload = () => image.classList.add('sd-shown');
    image.src = url(`kiosk/pictures/${one.id}/${one.version}.jpg`);
    text.textContent = one.text;
  };
  show = { element, timer: setInterval(next, EACH_MS) };
  next();
  document.querySelector('.gradio-container').append(element);
}

on('document', () => document.body.classList.toggle('sd-has-document', Boolean(state.document)));
