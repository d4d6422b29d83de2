// Copy and paste of cells, within a document and from one to another. What was copied hangs on the pointer; each click places it.

import { ask, attempt, emit, grid, notify, setTool, state } from './store.js';
import { deselect, eraseSelection, pairs, selectedCells } from './selection.js';

const KEY = 'ssldiff-copied-cells';
let before = 'brush'; // the tool to go back to

/** What was copied last in this browser: {token, rows, cols, cells: [[row, col, colour]]}, or null. */
export function copied() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

export async function copySelection(cut = false) {
  if (!selectedCells().size) return notify('Select cells first, with the lasso (L).', 'info');
  const answer = await attempt(() => ask(`documents/${state.document.id}/copy`, { cells: pairs(selectedCells()) }));
  if (!answer) return undefined;
  localStorage.setItem(KEY, JSON.stringify(answer));
  if (cut) await eraseSelection();
  emit('tool');
  return answer;
}

/** Take what was copied in hand. */
export function beginPaste() {
  if (!copied()) return notify('Nothing was copied yet: select cells with the lasso (L), then press Ctrl+C.', 'info');
  if (!grid()) return undefined;
  if (state.tool !== 'paste') before = state.tool;
  deselect();
  return setTool('paste');
}

export const endPaste = () => setTool(before === 'paste' || before === 'region' ? 'brush' : before);

/** Top-left cell of the block, whose middle is at the pointer. */
export function placeOf({ rows, cols }, { row, col }) {
  return [row - ((rows - 1) >> 1), col - ((cols - 1) >> 1)];
}

/** Place the block; a click beside the grid places nothing. */
export async function pasteAt(hover) {
  const block = copied();
  if (!block || hover.row === null) return;
  const [row, col] = placeOf(block, hover);
  await attempt(() => ask(`documents/${state.document.id}/paste`, { token: block.token, row, col }));
}
