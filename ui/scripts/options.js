// The bar above the panes: what the tool in hand can do, and how the views are shown.

import { BRUSHES, ask, attempt, emit, grid, on, scene, state, swatches, isFree } from './store.js';
import { formatArea, h, whole } from './format.js';
import { icon } from './icons.js';
import { readRegion, regionModel, regionPixelSize, setRegion, suggestRegion } from './region.js';
import { sizeChoice, tooFew } from './sizes.js';
import { activeJob } from './live.js';
import { modelsButton } from './models.js';
import { lassoOptions, pasteOptions } from './lasso-options.js';

const TOOLS = { lasso: lassoOptions, paste: pasteOptions };
const HINTS = {
  pan: 'Drag to move, wheel to zoom. Space moves with any tool.',
  fill: 'Click a cell: all connected cells of its colour take the selected swatch.',
  pick: 'Click a cell to take its swatch; beside the grid, or with Shift, to make a new one of that place.',
  rectangle: 'Drag over the cells to paint.',
};

export function mountOptions(host) {
  const tool = h('div.sd-tool-options');
  const opacity = opacityControl();
  const views = h('div.sd-views', {}, opacity, viewControl());
  host.append(tool, h('span.sd-spring'), views);
  let asking = null; // the form keeps what was typed, whatever news comes
  const draw = () => {
    host.hidden = !state.document;
    opacity.hidden = !grid() || state.tool === 'region';
    if (!state.document) return;
    const unknown = Boolean(scene()) && !scene().pixel_size_m;
    if (unknown && asking === state.document.id) return;
    asking = unknown ? state.document.id : null;
    const content = unknown ? pixelSizeForm() : state.tool === 'region' ? regionOptions() : grid() && TOOLS[state.tool] ? TOOLS[state.tool]() : brushOptions();
    tool.replaceChildren(...content);
  };
  const focused = () => tool.contains(document.activeElement) && ['INPUT', 'SELECT'].includes(document.activeElement.tagName);
  for (const name of ['document', 'tool', 'region', 'selection', 'marks']) on(name, () => (focused() && name !== 'document' && name !== 'region' ? undefined : draw()));
  on('brush', () => { if (!focused()) draw(); });
  let wasBusy = null;
  on('jobs', () => {
    const busy = Boolean(activeJob('encode'));
    if (busy !== wasBusy) draw();
    wasBusy = busy;
  });
}

/** Asked for where the file does not say it. */
function pixelSizeForm() {
  const input = h('input', { type: 'number', min: '0', step: 'any', placeholder: '0.5', 'aria-label': 'Pixel size', required: true });
  const unit = h('select', { 'aria-label': 'Unit' }, ...['µm', 'cm', 'm'].map((name) => h('option', { value: name }, name)));
  const form = h('form.sd-row', { onsubmit: (event) => {
    event.preventDefault();
    attempt(() => ask(`documents/${state.document.id}/pixel-size`, { text: `${input.value} ${unit.value}` }));
  } }, h('span.sd-attention', { html: icon('warning', 16) }), h('label', {}, 'This file does not say how large a pixel is. One pixel is'), input, unit,
  h('button.sd-primary', { type: 'submit' }, 'Set pixel size'));
  return [form];
}

function regionOptions() {
  const model = regionModel();
  if (!model) return [h('span.sd-hint-text', {}, 'No model weights are installed, so regions cannot be read.')];
  const busy = Boolean(activeJob('encode'));
  const region = state.region;
  const size = regionPixelSize();
  const read = h('button.sd-primary', { type: 'button', id: 'sd-read', disabled: !region || busy, onclick: () => readRegion() },
    region ? `Read ${region.rows} × ${region.cols} cells` : 'Read region');
  return [
    choice('Model', state.models.map((one) => [one.id, one.id]), model.id, (id) => {
      state.model = id;
      state.pixelSize = null;
      setRegion(suggestRegion());
    }),
    modelsButton({ small: true }),
    sizeChoice(),
    h('span.sd-readout', { id: 'sd-readout' }, ...(region ? readout(region, model, size) : ['Drag on the reference to pick a region.'])),
    region && tooFew(region) ? h('span.sd-warn', { id: 'sd-too-few', title: 'Under 4 × 4 cells there is little to compose with' }, '⚠ Under 4 × 4 cells') : null,
    read,
    grid() ? h('button', { type: 'button', onclick: () => { state.tool = 'brush'; state.region = null; emit('tool'); emit('region'); } }, 'Keep the old region') : null,
  ].filter(Boolean);
}

function readout({ rows, cols }, { cell_px: cell }, size) {
  const [width, height] = [cols * cell, rows * cell];
  return [h('span.sd-readout-cells', {}, `${rows} × ${cols} cells · `), `${whole(width)} × ${whole(height)} px · ${formatArea(width * size, height * size)}`];
}

function brushOptions() {
  const swatch = swatches()[state.swatch];
  if (!grid() || HINTS[state.tool] === undefined && !['brush', 'erase'].includes(state.tool)) return [h('span.sd-hint-text', {}, HINTS.pan)];
  const parts = [];
  if (['brush', 'fill', 'rectangle'].includes(state.tool) && swatch) {
    parts.push(h('span.sd-current', { title: swatch.name }, h('span.sd-chip', { style: `background:${swatch.colour}` }), h('span', {}, swatch.name)));
  }
  if (['brush', 'erase'].includes(state.tool)) parts.push(sizeRange(), edgeChoice());
  if (['brush', 'fill', 'rectangle'].includes(state.tool)) {
    parts.push(segments('Paint as', [
      ['sample', 'Sampled', 'Each cell takes its own real example of the swatch: varied, like nature'],
      ['mean', 'Mean', 'All cells take the average of the swatch: even'],
      ['texture', 'Texture', 'A connected piece of the original is repeated: keeps its arrangement', !swatch?.texture],
    ], state.mode, (mode) => { state.mode = mode; }));
    if (state.tool !== 'brush' || !isFree()) parts.push(range('Strength', 'sd-strength', 5, 100, 5, Math.round(state.strength * 100), (value) => `${value} %`, (value) => { state.strength = value / 100; }));
  }
  if (state.tool === 'erase') parts.push(h('span.sd-hint-text', {}, 'Erased cells are left to the model.'));
  if (HINTS[state.tool]) parts.push(h('span.sd-hint-text', {}, HINTS[state.tool]));
  return parts;
}

const sizeText = (size) => (size < 1 ? (size === 0.25 ? '¼ cell' : '½ cell') : `${size} × ${size}`);

function sizeRange() {
  const field = range('Size', 'sd-size', 0, BRUSHES.length - 1, 1, BRUSHES.indexOf(state.brush), (index) => sizeText(BRUSHES[index]), (index) => {
    const before = isFree();
    state.brush = BRUSHES[index];
    if (before !== isFree()) edgeShown?.();
  });
  field.title = 'Size of the brush in cells ([ and ])';
  return field;
}

let edgeShown = null; // shows again what the edge is

/** Whole cells, or true borders; a brush finer than a cell always leaves true borders. */
function edgeChoice() {
  const group = segments('Edge', [
    [false, 'Cells', 'Whole cells, which fade into their neighbours'],
    [true, 'Outline', 'The outline stays where it is drawn, through cells'],
  ], isFree(), (free) => {
    state.free = free;
    emit('brush');
    emit('hover');
  });
  group.id = 'sd-edge';
  edgeShown = () => [...group.children].forEach((button, i) => {
    button.setAttribute('aria-checked', String(Boolean(i) === isFree()));
    button.disabled = !i && state.brush < 1;
  });
  edgeShown();
  return group;
}

function choice(label, values, selected, change) {
  const select = h('select', { onchange: () => change(select.value) }, ...values.map(([value, text]) => h('option', { value, selected: value === selected }, text)));
  return h('label.sd-field', {}, h('span', {}, label), select);
}

function range(label, id, min, max, step, value, text, change) {
  const output = h('output', {}, text(value));
  const input = h('input', { type: 'range', id, min, max, step, value, oninput: () => {
    output.textContent = text(Number(input.value));
    change(Number(input.value));
    emit('hover');
  } });
  return h('label.sd-field', {}, h('span', {}, label), input, output);
}

function segments(label, values, selected, change) {
  const group = h('div.sd-segments', { role: 'radiogroup', 'aria-label': label });
  for (const [value, text, title, disabled] of values) {
    group.append(h('button', { type: 'button', role: 'radio', title, disabled, 'aria-checked': String(value === selected), onclick: (event) => {
      change(value);
      for (const button of group.children) button.setAttribute('aria-checked', String(button === event.currentTarget));
    } }, text));
  }
  return group;
}

function opacityControl() {
  const control = range('Grid', 'sd-opacity', 10, 100, 5, Math.round(state.overlay.opacity * 100), (value) => `${value} %`, (value) => {
    state.overlay.opacity = value / 100;
    emit('view');
  });
  control.title = 'Opacity of the grid overlay';
  return control;
}

function viewControl() {
  const group = h('div.sd-segments.sd-view-choice', { role: 'radiogroup', 'aria-label': 'View' });
  for (const [value, name, title] of [['both', 'both', 'Side by side (V)'], ['curtain', 'curtain', 'Curtain: draw it aside between reference and result'], ['blink', 'blink', 'Blink: one over the other (X)'], ['reference', 'one', 'Reference only'], ['result', 'other', 'Result only']]) {
    group.append(h('button', { type: 'button', role: 'radio', title, 'aria-label': title, html: icon(name, 16), 'data-value': value, onclick: () => {
      state.view = value;
      emit('view');
    } }));
  }
  const show = () => {
    for (const button of group.children) button.setAttribute('aria-checked', String(button.dataset.value === state.view));
    group.hidden = !scene();
  };
  on('view', show);
  on('document', show);
  show();
  return group;
}

