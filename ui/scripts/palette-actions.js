// What the palette asks the server for. A new swatch is selected as soon as the page knows it.

import { ask, attempt, emit, on, selectSwatch, state, swatches } from './store.js';

let wanted = null; // {id, rename}

const post = (path, body) => attempt(() => ask(`documents/${state.document.id}/${path}`, body));

/** Select a swatch once it is in the palette; `rename` opens its name for typing. */
export function selectWhenThere(id, { rename = false } = {}) {
  wanted = { id, rename };
  look();
}

function look() {
  const index = wanted ? swatches().findIndex((swatch) => swatch.id === wanted.id) : -1;
  if (index < 0) return;
  const { rename } = wanted;
  wanted = null;
  selectSwatch(index);
  if (rename) emit('rename', index);
}

on('palette-shown', look);

/** The swatch in hand stays in hand, wherever it moves. */
async function change(path, body) {
  const held = swatches()[state.swatch]?.id;
  const answer = await post(path, body);
  if (!answer) return null;
  if (held) selectWhenThere(held);
  emit('palette-changed');
  return answer;
}

export const changeSwatch = (swatch, body) => post(`swatches/${swatch.id}`, body);
export const removeSwatch = (swatch) => change('palette/remove', { swatch: swatch.id });
export const reorderSwatches = (ids) => change('palette/order', { swatches: ids });
export const undoPalette = () => change('palette/undo', {});
export const takePalette = (body) => change('palette/take', body);
export const savePalette = (name) => post('palette/save', { name });

/** The first gives name and colour. */
export async function mergeSwatches(chosen) {
  const answer = await change('palette/merge', { swatches: chosen.map((swatch) => swatch.id) });
  const merged = answer?.palette.swatches.find((swatch) => swatch.name === chosen[0].name);
  if (merged) selectWhenThere(merged.id);
}

export async function mixSwatches(first, second, share) {
  const answer = await post('palette/mix', { swatch: first.id, other: second.id, share });
  if (!answer) return;
  emit('palette-changed');
  selectWhenThere(answer.swatch, { rename: true });
}

/** Replace the palette by one from a file. */
export async function loadPaletteFile(file) {
  const { read, url } = await import('./store.js');
  const form = new FormData();
  form.append('file', file);
  const address = url(`documents/${state.document.id}/palette/file`);
  const answer = await attempt(async () => read(await fetch(address, { method: 'POST', body: form }).catch(() => null)));
  if (answer) emit('palette-changed');
}
