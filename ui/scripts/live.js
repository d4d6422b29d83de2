// The open document and its connection: strokes go out, news comes in; by WebSocket, or by fetch where there is none.

import { ask, attempt, currentResult, emit, notify, state, swatches, url } from './store.js';
import { decode } from './format.js';

let socket = null;
let retry = 0;
let seq = 0;
let polling = 0;
let onOpened = () => {};
const waiting = new Map();
let followed = () => {};
let tileDrawn = () => {};

/** `handler(news)` is called for each tile of a virtual slide that was drawn. */
export function onTile(handler) {
  tileDrawn = handler;
}

/** `handler(news)` is called for each picture that followed the brush. */
export function onFollow(handler) {
  followed = handler;
}

/** `handler(id)` is called for each document that is opened. */
export function setOpenedHandler(handler) {
  onOpened = handler;
}

/** Open a document by id, `restored` where the page does so of itself; false where the server has none of this id. */
export async function openDocument(id, { restored = false } = {}) {
  const answer = await ask(`documents/${id}`).catch(() => null);
  if (!answer) return false;
  if (restored && state.document) return true; // the user was quicker
  showDocument(answer, { restored });
  return true;
}

/** Show a document that the server just gave. */
export function showDocument(body, { restored = false } = {}) {
  close();
  Object.assign(state, { document: null, layout: null, resultId: null, region: null, swatch: 0, view: 'both', model: null, pixelSize: null });
  Object.assign(state.overlay, { reference: true, result: false });
  state.jobs.clear();
  for (const job of body.jobs ?? []) state.jobs.set(job.id, job);
  state.tool = body.grid ? (body.scene && !body.layout?.edits ? 'pan' : 'brush') : 'region';
  state.view = body.scene ? 'both' : 'result';
  receiveDocument(body, true, restored);
  state.swatch = firstSwatch();
  for (const name of ['selection', 'tool', 'view', 'jobs']) emit(name);
  window.ssldiffDocument = body.id; // read by the Generate button
  history.replaceState(null, '', `#document=${body.id}`);
  onOpened(body.id);
  connect();
}

/** A canvas that is all of one swatch is painted on with another: the first stroke is to be seen. */
function firstSwatch() {
  const labels = state.layout?.labels;
  return labels?.every((label) => label === 0) && swatches().length > 1 ? 1 : 0;
}

/** Send one edit; the promise ends when the server has it. The layout comes back as news. */
export function sendEdit(edit) {
  const message = edit.kind === 'undo' || edit.kind === 'redo' ? edit : { version: 1, ...edit };
  if (socket?.readyState !== WebSocket.OPEN) {
    return attempt(async () => receiveLayout(await ask(`documents/${state.document.id}/edits`, message)));
  }
  seq += 1;
  socket.send(JSON.stringify({ seq, edit: message }));
  return new Promise((resolve) => waiting.set(seq, resolve));
}

function connect() {
  const id = state.document.id;
  const address = url(`documents/${id}/live`).replace(/^http/, 'ws');
  const own = new WebSocket(address);
  socket = own;
  own.onopen = () => {
    retry = 0;
    setConnected(true);
  };
  own.onmessage = (event) => own === socket && receive(JSON.parse(event.data));
  own.onclose = () => {
    if (own !== socket) return;
    for (const resolve of waiting.values()) resolve();
    waiting.clear();
    poll(id);
    retry += 1;
    setTimeout(() => own === socket && state.document?.id === id && connect(), Math.min(500 * 2 ** retry, 8000));
  };
}

function close() {
  const old = socket;
  socket = null;
  old?.close();
}

/** Without a WebSocket: ask now and then, so that progress and results still come. */
async function poll(id) {
  if (polling) return;
  polling = 1;
  while (state.document?.id === id && socket?.readyState !== WebSocket.OPEN) {
    const answer = await ask(`documents/${id}`).catch(() => null);
    setConnected(answer !== null);
    if (answer) {
      receiveDocument(answer, false);
      for (const job of answer.jobs) receive({ type: 'job', job });
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  polling = 0;
}

function setConnected(connected) {
  if (state.connected === connected) return;
  state.connected = connected;
  emit('connection');
}

function receive(message) {
  if (message.type === 'document' && message.id === state.document?.id) receiveDocument(message, false);
  else if (message.type === 'layout') receiveLayout(message);
  else if (message.type === 'job') receiveJob(message.job);
  else if (message.type === 'follow') followed(message);
  else if (message.type === 'tile') tileDrawn(message);
  else if (message.type === 'ack') settle(message.seq);
  else if (message.type === 'error') {
    notify(message.error);
    settle(message.seq);
    ask(`documents/${state.document.id}`).then((body) => receiveDocument(body, false), () => {});
  }
}

function settle(number) {
  waiting.get(number)?.();
  waiting.delete(number);
}

function receiveDocument(body, first, restored = false) {
  const before = state.document;
  if (before && body.version < before.version) return;
  const newGrid = body.grid && before?.grid?.digest !== body.grid.digest;
  state.document = body;
  if (body.layout) receiveLayout(body.layout);
  if (state.swatch >= swatches().length) state.swatch = 0;
  const newest = body.results.at(-1)?.id ?? null;
  const isNew = newest !== (before?.results.at(-1)?.id ?? null);
  const moved = body.shown && body.shown !== before?.shown && body.results.some((record) => record.id === body.shown);
  if (moved) state.resultId = body.shown;
  else if (first || !currentResult()) state.resultId = body.shown || newest;
  if (newGrid && !first) {
    state.region = null;
    state.tool = state.tab === 'explore' ? 'pan' : 'brush';
    emit('tool');
  }
  emit('document', { first, restored, newGrid: Boolean(newGrid) });
  emit('palette');
  emit('result', { isNew: isNew && !first });
}

/** The cells that borders run through: a map from cell to its side × side labels. */
function divided(body) {
  if (!body) return null;
  const [cells, labels, area] = [decode(body.cells, Int32Array), decode(body.labels, Int16Array), body.side ** 2];
  return { side: body.side, blocks: new Map([...cells].map((cell, i) => [cell, labels.subarray(i * area, (i + 1) * area)])) };
}

function receiveLayout(body) {
  if (state.layout && state.layout.version > body.version && state.layout.digest === state.document.grid?.digest) return;
  state.layout = {
    version: body.version,
    digest: state.document.grid?.digest,
    labels: decode(body.labels, Int16Array),
    edited: decode(body.edited, Uint8Array),
    pending: decode(body.pending, Uint8Array),
    divided: divided(body.divided),
    edits: body.edits,
    can_undo: body.can_undo,
    can_redo: body.can_redo,
  };
  emit('layout');
}

function receiveJob(job) {
  const before = state.jobs.get(job.id);
  if (before && !isActive(before) && isActive(job)) return; // an answer that was overtaken by news
  state.jobs.set(job.id, job);
  emit('jobs', job);
  const ended = before && isActive(before) && !isActive(job);
  if (!before && job.state === 'failed' && Date.now() / 1000 - job.finished > 5) return;
  if (job.kind === 'describe') return; // said beside the sentence
  if (job.state === 'failed' && (ended || !before)) notify(job.message);
}

const isActive = (job) => ['queued', 'running'].includes(job.state);

/** The job of a kind that runs; else the one that waits. */
export function activeJob(kind) {
  const active = [...state.jobs.values()].filter((job) => job.kind === kind && isActive(job));
  return active.find((job) => job.state === 'running') ?? active.at(-1) ?? null;
}

export const cancelJob = (job) => attempt(async () => receiveJob((await ask(`jobs/${job.id}/cancel`, {})).job));
