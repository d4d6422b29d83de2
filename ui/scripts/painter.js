// The tool strip: one tool in hand at a time, undo and redo, the overlay.

import { emit, grid, on, scene, setTool, startIsOpen, state } from './store.js';
import { sendEdit } from './live.js';
import { h } from './format.js';
import { icon } from './icons.js';
import { spaceHeld } from './gestures.js';
import { bindPaintKeys } from './paint-keys.js';
import { describeSelection } from './selection.js';

const TOOLS = [
  ['pan', 'Move the view', 'H or Space'],
  ['region', 'Pick a region to read', 'R'],
  null,
  ['brush', 'Brush', 'B'],
  ['rectangle', 'Rectangle', 'M'],
  ['lasso', 'Lasso: select cells', 'L'],
  ['fill', 'Fill connected cells', 'G'],
  ['pick', 'Eyedropper: take the swatch of a cell', 'I or Alt'],
  ['erase', 'Erase: leave cells to the model', 'E'],
  null,
];

const needsGrid = (tool) => !['pan', 'region'].includes(tool);

export function mount(element) {
  const host = element.querySelector('.sd-tools');
  bindPaintKeys();
  const buttons = new Map();
  for (const entry of TOOLS) {
    if (!entry) {
      host.append(h('span.sd-rule', { role: 'separator' }));
      continue;
    }
    const [tool, title, key] = entry;
    const button = toolButton(tool, title, key, () => setTool(tool));
    button.dataset.tool = tool;
    buttons.set(tool, button);
    host.append(button);
  }
  const undo = toolButton('undo', 'Undo', 'Ctrl+Z', undoEdit);
  const redo = toolButton('redo', 'Redo', 'Ctrl+Shift+Z', redoEdit);
  const overlay = toolButton('grid', 'Show or hide the grid', '\\', toggleOverlay);
  host.append(undo, redo, h('span.sd-rule', { role: 'separator' }), overlay);
  const show = () => {
    for (const [tool, button] of buttons) {
      button.setAttribute('aria-pressed', String(tool === (spaceHeld() ? 'pan' : state.tool)));
      button.disabled = !state.document || startIsOpen() || (needsGrid(tool) && !grid()) || (tool === 'region' && !scene());
    }
    buttons.get('lasso').classList.toggle('sd-badge', Boolean(describeSelection()));
    undo.disabled = startIsOpen() || !grid() || !state.layout?.can_undo;
    redo.disabled = startIsOpen() || !grid() || !state.layout?.can_redo;
    overlay.disabled = !grid();
    overlay.setAttribute('aria-pressed', String(state.overlay.reference || state.overlay.result));
  };
  for (const name of ['document', 'layout', 'tool', 'view', 'marks', 'start-opened', 'start-closed']) on(name, show);
  show();
}

function toolButton(name, title, key, action) {
  const button = h('button.sd-tool', { type: 'button', 'aria-label': title, 'aria-keyshortcuts': key, html: icon(name, 20), onclick: action });
  button.append(h('span.sd-tip', { 'aria-hidden': 'true' }, title, h('kbd', {}, key)));
  return button;
}

// The server decides whether there is something to take back: the edit may be made and its news not here yet.
export const undoEdit = () => state.layout && sendEdit({ kind: 'undo' });
export const redoEdit = () => state.layout && sendEdit({ kind: 'redo' });

let shownBefore = null;

/** Hide the overlays, or show again those that were shown. */
export function toggleOverlay() {
  const { reference, result } = state.overlay;
  if (reference || result) {
    shownBefore = { reference, result };
    Object.assign(state.overlay, { reference: false, result: false });
  } else {
    Object.assign(state.overlay, shownBefore ?? { reference: true, result: false });
  }
  emit('view');
}
