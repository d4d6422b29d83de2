// Keyboard: one table for what keys do and for the help sheet.

import { BRUSHES, emit, grid, scene, selectSwatch, setTool, startIsOpen, state } from './store.js';
import { activeJob, cancelJob } from './live.js';
import { abandonStroke, setSpace } from './gestures.js';
import { redoEdit, toggleOverlay, undoEdit } from './painter.js';
import { chooseTab } from './tabs.js';
import { closeHelp, helpIsOpen, toggleHelp } from './help.js';

const TOOL_KEYS = { h: 'pan', r: 'region', b: 'brush', m: 'rectangle', g: 'fill', i: 'pick', e: 'erase' };
const VIEWS = ['both', 'curtain', 'blink', 'reference', 'result'];

export function bindKeys() {
  document.addEventListener('keydown', (event) => {
    if (press(event)) event.preventDefault();
  });
  document.addEventListener('keyup', (event) => event.code === 'Space' && setSpace(false));
  window.addEventListener('blur', () => setSpace(false));
}

const typing = (target) => target.closest?.('input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true], dialog');

/** Do what a key says; true where it said something. */
function press(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const command = event.ctrlKey || event.metaKey;
  if (command && key === 'Enter') return generate();
  if (key === 'Escape') return escape();
  if (typing(event.target)) return false;
  if (command) {
    if (key === 'z') return (event.shiftKey ? redoEdit() : undoEdit()), true;
    if (key === 'y') return redoEdit(), true;
    return false;
  }
  if (event.altKey) return false;
  if (key === '?') return toggleHelp(), true;
  if (!state.document || startIsOpen()) return false;
  return pressOnDocument(event, key);
}

function pressOnDocument(event, key) {
  if (event.code === 'Space') {
    if (event.target.closest('button, a, [role=radio], [role=option], summary')) return false;
    setSpace(true);
    return true;
  }
  const tool = TOOL_KEYS[key];
  if (tool) {
    if ((tool === 'region' && !scene()) || (!['pan', 'region'].includes(tool) && !grid())) return true;
    setTool(tool);
    return true;
  }
  if (key === '[' || key === ']') return changeBrush(key === ']' ? 1 : -1);
  if (/^[1-9]$/.test(key)) return takeSwatch(Number(key) - 1);
  if (key === '\\') return toggleOverlay(), true;
  if (key === 'f') return emit('fit'), true;
  if (key === 'v') return nextView();
  if (key === 'x') return emit('flip'), true;
  if (key === '+' || key === '=') return emit('zoom', 1.4), true;
  if (key === '-') return emit('zoom', 1 / 1.4), true;
  return false;
}

/** A swatch is taken to paint with it. */
function takeSwatch(index) {
  selectSwatch(index);
  if (grid() && state.tab !== 'paint') chooseTab('paint');
  return true;
}

function changeBrush(by) {
  state.brush = BRUSHES[Math.max(0, Math.min(BRUSHES.length - 1, BRUSHES.indexOf(state.brush) + by))];
  emit('brush');
  emit('hover');
  return true;
}

function nextView() {
  state.view = VIEWS[(VIEWS.indexOf(state.view) + 1) % VIEWS.length];
  emit('view');
  return true;
}

function generate() {
  document.querySelector('#sd-generate')?.click();
  return true;
}

/** The nearest thing that can be left: the help, a stroke, a job, the start screen. */
function escape() {
  if (helpIsOpen()) return closeHelp(), true;
  if (abandonStroke()) return true;
  const job = activeJob('generate') ?? activeJob('encode') ?? activeJob('describe');
  if (job) return cancelJob(job), true;
  emit('escape');
  return false;
}
