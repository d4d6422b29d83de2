// What the page knows, who wants to hear of changes, and how it talks to the server.

export const BASE = new URL('.', document.baseURI);
export const url = (path) => new URL(path, BASE).href;

const listeners = new Map();

/** Call `handler` whenever `name` is emitted. Names: document, layout, palette, jobs, result, tool, tab, view, hover, region, notice, library, selection, layouts, start, start-opened, start-closed, kiosk. */
export function on(name, handler) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(handler);
}

export function emit(name, detail) {
  for (const handler of listeners.get(name) ?? []) handler(detail);
}

export const state = {
  document: null, // as /documents/{id} gives it
  layout: null, // {labels: Int16Array, edited, pending: Uint8Array, divided: null or {side, blocks: Map}, edits, can_undo, can_redo}
  models: [],
  jobs: new Map(),
  tool: 'pan',
  tab: 'explore', // explore | paint | describe
  brush: 1, // cells along the side of the brush; below 1 it is round and paints finer than cells
  free: false, // whether a brush of whole cells is round too, and leaves its outline where it was drawn
  mode: 'sample',
  strength: 1,
  swatch: 0, // index in the palette
  hoverSwatch: null,
  overlay: { reference: true, result: false, opacity: 0.5 },
  view: 'both', // both | curtain | blink | reference | result
  resultId: null,
  region: null, // {x, y, rows, cols} in level-0 pixels and cells, while it is being picked
  pixelSize: null, // metres of a canvas pixel, chosen for the next reading
  model: null,
  connected: true,
};

export class ServerError extends Error {}

/** JSON from the server; a body makes it a POST. Throws ServerError with a text for the user. */
export async function ask(path, body) {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
  return read(await fetch(url(path), options).catch(() => null));
}

export async function read(response) {
  if (response === null) throw new ServerError('The server does not answer. Is it still running?');
  let answer = null;
  try {
    answer = await response.json();
  } catch {
    // not JSON: the status says enough
  }
  if (!response.ok) {
    const detail = typeof answer?.detail === 'string' ? answer.detail : null;
    throw new ServerError(answer?.error ?? detail ?? `The server could not do this (status ${response.status}).`);
  }
  return answer;
}

/** Tell the user something where they look: `kind` is error, warning or info. */
export function notify(text, kind = 'error') {
  emit('notice', { text, kind });
}

/** Run a user's action; what goes wrong is told, not thrown. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof ServerError)) console.error(error);
    notify(error instanceof ServerError ? error.message : 'Something went wrong on this page. Reload it; your document is kept.');
    return undefined;
  }
}

export function setTool(tool) {
  if (state.tool === tool) return;
  state.tool = tool;
  emit('tool');
}

export function selectSwatch(index) {
  const count = state.document?.palette?.swatches.length ?? 0;
  if (index < 0 || index >= count) return;
  state.swatch = index;
  emit('selection');
}

/** Sizes of the brush, in cells. */
export const BRUSHES = [0.25, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/** Whether brush and eraser paint round strokes with borders of their own, finer than cells. */
export const isFree = () => state.free || state.brush < 1;

/** Whether the start page lies over the document. */
export const startIsOpen = () => !document.querySelector('.sd-start')?.hidden;

export const grid = () => state.document?.grid ?? null;
export const swatches = () => state.document?.palette?.swatches ?? [];
export const scene = () => state.document?.scene ?? null;
export const currentResult = () => state.document?.results.find((result) => result.id === state.resultId) ?? null;

/** The document's world, as a box of level-0 pixels: its scene, or without one its canvas. */
export function world() {
  if (scene()) return { x: 0, y: 0, width: scene().size_l0[0], height: scene().size_l0[1] };
  if (!grid()) return { x: 0, y: 0, width: 1, height: 1 };
  const { origin_l0: [x, y], cols, rows, cell_l0: cell } = grid();
  return { x, y, width: cols * cell, height: rows * cell };
}
