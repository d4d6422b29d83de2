// The stage: reference and result side by side, what lies over them, and the line of facts below.

import { activeJob, cancelJob, openDocument, setOpenedHandler } from './live.js';
import { currentResult, emit, grid, notify, on, scene, state, url, world } from './store.js';
import { formatSeconds, h, whole } from './format.js';
import { icon } from './icons.js';
import { drawGrid, drawRegion } from './overlay.js';
import { attachGestures, footprint, spaceHeld, stroke } from './gestures.js';
import { regionCell } from './region.js';
import { loadOpenSeadragon, Pane, synchronise } from './pane.js';
import { takeDrops } from './annotations.js';
import { mountCompare } from './compare.js';
import { mountOptions } from './options.js';
import { mountStart } from './start.js';
import { mountStatus } from './status.js';
import { mountQuantity, quantityRaster } from './quantity.js';
import { setReuseHandler } from './history.js';
import { mountFollow } from './follow.js';
import { drawVirtual, isVirtual, mountVirtual } from './virtual.js';
import { mountGallery } from './gallery.js';
import { growButton } from './grow.js';
import { mountQuestion } from './question.js';
import { mountResults } from './results.js';
import { initialise } from './main.js';

let reference = null;
let result = null;

/** @param {HTMLElement} element  @param {{trigger: Function, props: object, watch: Function}} gradio */
export async function mount(element, { trigger, props, watch }) {
  await loadOpenSeadragon();
  const stage = build(element);
  setOpenedHandler((id) => trigger('opened', { document: id }));
  watch('value', () => receiveValue(props.value));
  makePanes(stage);
  mountOptions(stage.options);
  mountCompare(stage.panes);
  mountStatus(stage.status, stage.scales, { reference, result });
  mountResults(stage.resultUi, stage.strip, { reference, result });
  mountGallery(stage.result, stage.resultUi);
  mountFollow(result);
  mountVirtual(result);
  mountQuantity('reference', stage.reference, stage.referenceUi);
  mountQuantity('result', stage.result, stage.resultUi);
  mountQuestion(stage.question);
  setReuseHandler((settings) => trigger('reused', settings));
  mountStart(stage.start);
  takeDrops(stage.panes);
  listen(stage);
  await initialise();
  receiveValue(props.value);
  const asked = /document=([0-9a-f]{32})/.exec(location.hash)?.[1];
  if (asked && !state.document) await openDocument(asked, { restored: true });
  emit('ready');
}

/** What Python tells: which document was open in this browser, or an error. */
async function receiveValue(value) {
  const news = typeof value === 'string' && value ? JSON.parse(value) : null;
  if (!news) return;
  await initialise(); // a document is shown with the models that could draw it
  if (news.error) notify(news.error);
  if (news.document && !state.document && !/document=/.test(location.hash)) await openDocument(news.document, { restored: true });
}

function build(element) {
  const root = element.querySelector('.sd-stage');
  const pane = (name, label) => h(`section.sd-pane.sd-pane-${name}`, { 'aria-label': label });
  const stage = {
    root, options: h('div.sd-options', { role: 'toolbar', 'aria-label': 'Tool options' }),
    panes: h('div.sd-panes'), reference: pane('reference', 'Reference'), result: pane('result', 'Result'),
    status: h('div.sd-status', { role: 'status', 'aria-live': 'off' }), start: h('div.sd-start'), notices: h('div.sd-notices'), scales: [],
  };
  for (const name of ['reference', 'result']) {
    stage[`${name}Ui`] = h('div.sd-pane-ui', {}, h('span.sd-pane-title', {}, name === 'reference' ? 'Reference' : 'Result'));
    stage[`${name}Busy`] = h('div.sd-busy', { hidden: true });
    const scale = h('div.sd-scale', { 'aria-hidden': 'true' });
    stage.scales.push(scale);
    stage[name].append(stage[`${name}Ui`], stage[`${name}Busy`], scale);
  }
  stage.strip = h('div.sd-strip', { role: 'listbox', 'aria-label': 'Results' });
  stage.hint = h('div.sd-hint', { hidden: true });
  stage.result.append(stage.hint, stage.strip);
  stage.missing = h('div.sd-missing', { hidden: true });
  stage.reference.append(stage.missing);
  stage.panes.append(stage.reference, stage.result);
  stage.question = h('div');
  root.append(stage.options, h('div', {}, stage.question, stage.notices), stage.panes, stage.status, stage.start);
  return stage;
}

function makePanes(stage) {
  reference = new Pane(stage.reference, { name: 'reference', minimap: true, draw: drawReference });
  result = new Pane(stage.result, { name: 'result', minimap: false, draw: drawResult });
  synchronise([reference, result]);
  attachGestures(reference, true);
  attachGestures(result, false);
  for (const pane of [reference, result]) addPaneTools(pane === reference ? stage.referenceUi : stage.resultUi, pane);
}

function addPaneTools(host, pane) {
  const name = pane === reference ? 'reference' : 'result';
  const toggle = h('button.sd-icon', { type: 'button', title: 'Grid overlay (\\)', 'aria-label': `Grid overlay on the ${name}`, html: icon('grid', 16), onclick: () => {
    state.overlay[name] = !state.overlay[name];
    emit('view');
  } });
  const fit = h('button.sd-icon', { type: 'button', title: 'Fit the region (F)', 'aria-label': 'Fit the region to the view', html: icon('fit', 16), onclick: () => fitRegion() });
  on('view', () => toggle.setAttribute('aria-pressed', String(state.overlay[name])));
  toggle.setAttribute('aria-pressed', String(state.overlay[name]));
  host.append(h('span.sd-spring'), toggle, fit);
  if (pane === result) fit.before(growButton());
}

function drawReference(context, pane) {
  const cell = regionCell();
  if (state.tool === 'region' && state.region && cell) return drawRegion(context, pane, state.region, cell);
  const opacity = state.overlay.reference ? state.overlay.opacity : 0;
  return drawGrid(context, pane, { opacity, stroke, footprint: footprint(pane), pendingOnly: false, quantity: quantityRaster('reference') });
}

/** Before there is a result the layout itself is shown: it is what will be drawn. */
function drawResult(context, pane) {
  const drawn = currentResult() || pane.preview;
  const opacity = state.overlay.result ? state.overlay.opacity : drawn ? 0 : 0.9;
  const quantity = state.overlay.result ? quantityRaster('result') : null;
  drawGrid(context, pane, { opacity, stroke, footprint: footprint(pane), quantity, pendingOnly: opacity === 0 && Boolean(drawn) });
  drawVirtual(context, pane);
}

function listen(stage) {
  const redraw = () => { reference.redraw(); result.redraw(); };
  for (const name of ['layout', 'palette', 'view', 'region', 'hover', 'selection', 'tool', 'marks']) on(name, redraw);
  on('document', ({ first, newGrid }) => showDocument(stage, first, newGrid));
  on('result', () => showResult());
  on('jobs', (job) => { showBusy(stage); if (job?.kind === 'generate') showPreview(job); });
  on('tool', () => { stage.root.dataset.tool = spaceHeld() ? 'pan' : state.tool; });
  on('view', () => showView(stage));
  on('fit', fitRegion);
  on('look-at', (box) => reference.fit(box));
  on('zoom', (factor) => (state.view === 'result' ? result : reference).zoomBy(factor));
  on('notice', (notice) => showNotice(stage.notices, notice));
  for (const name of ['document', 'jobs', 'result', 'layout']) on(name, () => showHint(stage));
}

let shownScene = null;

function showDocument(stage, first, newGrid) {
  stage.root.dataset.open = 'true';
  if (first) shownScene = null;
  if (first || (newGrid && !scene())) { // a canvas may have grown
    for (const pane of [reference, result]) pane.clear(world());
    if (!first) showResult();
  }
  const facts = scene();
  if (facts?.version && shownScene !== facts.id) {
    shownScene = facts.id;
    const [width, height] = facts.size_l0;
    reference.show('scene', { id: facts.id, version: facts.version, x: 0, y: 0, span: width, width, height });
  }
  showView(stage);
  showMissing(stage);
  if (first || newGrid) setTimeout(() => fitRegion(first), 0);
}

/** The document came from elsewhere and its scene is not on this server. */
function showMissing(stage) {
  const facts = scene();
  stage.missing.hidden = !facts || Boolean(facts.version);
  if (!stage.missing.hidden) stage.missing.textContent = `${facts.name} is not on this server. The layout and its results can be worked on; open the scene here once, then this document again, to see it.`;
}

function showView(stage) {
  const view = scene() ? state.view : 'result';
  stage.panes.dataset.view = view;
  stage.panes.dataset.scene = String(Boolean(scene()));
}

/** Fit the grid, the region being picked, or the scene. */
function fitRegion(immediately = false) {
  const pane = state.view === 'result' || !scene() ? result : reference;
  const facts = grid();
  if (facts) {
    const [x, y] = facts.origin_l0;
    pane.fit({ x, y, width: facts.cols * facts.cell_l0, height: facts.rows * facts.cell_l0 }, immediately);
  } else if (scene()) {
    const [width, height] = scene().size_l0;
    pane.fit({ x: 0, y: 0, width, height }, immediately);
  }
}

function showResult() {
  const record = currentResult();
  if (!record) return result.show('result', null);
  const [x, y] = record.origin_l0;
  return result
    .show('result', { id: record.scene_id, version: record.scene_version, x, y, span: record.width_l0, width: record.width, height: record.height })
    .then(() => activeJob('generate') || result.setPreview(null));
}

let previewKey = '';

/** Each denoising step as the canvas is now, over the result's place. */
function showPreview(job) {
  if (!job.preview || !grid() || job.state !== 'running') {
    if (['failed', 'cancelled'].includes(job.state)) result.setPreview(null);
    return;
  }
  const key = `${job.id}/${job.preview}`;
  if (key === previewKey) return;
  previewKey = key;
  const image = new Image();
  const { origin_l0: [x, y], rows, cols, cell_l0: cell } = grid();
  image.onload = () => previewKey === key && state.jobs.get(job.id)?.state === 'running' && result.setPreview(image, { x, y, width: cols * cell, height: rows * cell });
  image.src = url(`jobs/${job.id}/preview/${job.preview}.jpg`);
}

function showBusy(stage) {
  busy(stage.referenceBusy, activeJob('encode'), 'Reading the region');
  busy(stage.resultBusy, scene() ? null : activeJob('encode'), 'Reading the region');
}

function busy(host, job, title) {
  host.hidden = !job;
  if (!job) return;
  const share = job.total ? job.done / job.total : 0;
  if (!host.firstChild || host.dataset.job !== job.id) {
    host.dataset.job = job.id;
    host.replaceChildren(
      h('strong', {}, title), h('span.sd-busy-text'), h('progress', { max: '1' }),
      h('button', { type: 'button', onclick: () => cancelJob(job) }, 'Cancel'),
    );
  }
  host.querySelector('progress').value = share;
  const eta = job.eta_s ? ` · ${formatSeconds(job.eta_s)} left` : '';
  const waiting = job.state === 'queued' ? (job.before ? `waiting for ${job.before} other job${job.before > 1 ? 's' : ''}` : 'starting') : job.phase;
  host.querySelector('.sd-busy-text').textContent = job.done ? `${waiting} · ${whole(job.done)} of ${whole(job.total)} cells${eta}` : waiting;
}

function showHint(stage) {
  const text = !grid()
    ? activeJob('encode') ? '' : 'The region that is read from the reference appears here as a layout.'
    : currentResult() || activeJob('generate') || isVirtual() || state.layout?.edits ? '' : 'This is the layout. Paint on it, or draw it.';
  stage.hint.hidden = !text || !state.document;
  stage.hint.textContent = text;
}

function showNotice(host, { text, kind }) {
  const old = [...host.children].find((child) => child.dataset.text === text);
  old?.remove();
  const notice = h(`div.sd-notice.sd-${kind}`, { role: kind === 'error' ? 'alert' : 'status', 'data-text': text },
    h('span.sd-notice-icon', { html: icon(kind === 'info' ? 'help' : 'warning', 16) }), h('span', {}, text),
    h('button.sd-icon', { type: 'button', 'aria-label': 'Close this message', html: icon('close', 14), onclick: () => notice.remove() }));
  host.append(notice);
  while (host.children.length > 3) host.firstChild.remove();
  if (kind === 'info') setTimeout(() => notice.remove(), 5000);
}

