// Keys of selection, clipboard and brush. They come before the page's other keys.

import { emit, grid, setTool, state } from './store.js';
import { activeJob } from './live.js';
import { beginPaste, copySelection, endPaste } from './clipboard.js';
import { deselect, describeSelection, eraseSelection, invertSelection, selectAll, selectedCells } from './selection.js';
import { stroke } from './strokes.js';

const MODES = ['sample', 'mean', 'texture'];

export function bindPaintKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.target.closest?.('input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true], dialog')) return;
    if (!grid() || document.querySelector('.sd-start:not([hidden])') || !press(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
}

function press(event) {
  const onSwatch = event.target.closest?.('.sd-swatch'); // there Delete removes the swatch
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return pressCommand(key, event.shiftKey);
  if (event.altKey) return false;
  if (key === 'Escape') return escape();
  if (key === 'l') return setTool('lasso'), true;
  if (key === '{' || key === '}') return changeStrength(key === '}' ? 0.1 : -0.1);
  if (key === 't') return nextMode();
  if ((key === 'Delete' || key === 'Backspace') && selectedCells().size && !onSwatch) return eraseSelection(), true;
  return false;
}

function pressCommand(key, shift) {
  if (key === 'c' && selectedCells().size) return copySelection(), true;
  if (key === 'x' && selectedCells().size) return copySelection(true), true;
  if (key === 'v') return beginPaste(), true;
  if (key === 'a') return selectAll(), true;
  if (key === 'd') return deselect(), true;
  if (key === 'i' && shift) return invertSelection(), true;
  return false;
}

/** The nearest thing that can be left; strokes and jobs are left by the page's own Esc. */
function escape() {
  if (stroke || document.querySelector('dialog[open]')) return false;
  if (state.tool === 'paste') return endPaste(), true;
  if (activeJob('generate') || activeJob('encode') || !describeSelection()) return false;
  deselect();
  return true;
}

function changeStrength(by) {
  state.strength = Math.max(0.05, Math.min(1, Math.round((state.strength + by) * 20) / 20));
  emit('brush');
  return true;
}

function nextMode() {
  state.mode = MODES[(MODES.indexOf(state.mode) + 1) % MODES.length];
  emit('brush');
  return true;
}
