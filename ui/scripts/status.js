// The line below the panes and the scale bars in them.

import { grid, on, scene, state, swatches } from './store.js';
import { formatArea, formatLength, h, round3, whole } from './format.js';
import { formatPlace, placeOf } from './geography.js';
import { hoverCell } from './gestures.js';

const MICROSCOPE_BELOW_M = 5e-6;
const FORTY_X_M = 0.25e-6;

export function mountStatus(host, scales, panes) {
  const cell = h('span.sd-status-cell');
  const position = h('span.sd-status-position');
  const size = h('span.sd-status-size');
  const zoom = h('span.sd-status-zoom');
  const warnings = h('span.sd-status-warning');
  host.append(cell, position, h('span.sd-spring'), warnings, size, zoom);
  on('hover', () => {
    const hover = hoverCell();
    cell.textContent = hover ? describeCell(hover) : '';
    position.textContent = hover ? describePosition(hover) : '';
  });
  on('document', () => {
    const facts = grid();
    const [width, height] = facts ? [facts.cols * facts.cell_px, facts.rows * facts.cell_px] : [0, 0];
    size.textContent = facts
      ? `Grid ${facts.rows} × ${facts.cols} cells · ${whole(width)} × ${whole(height)} px · ${formatArea(width * facts.pixel_size_m, height * facts.pixel_size_m)}` : '';
    const notes = [...(scene()?.warnings ?? []), ...(facts?.note && !facts.asks ? [facts.note] : [])]; // what is asked stands in its own row
    warnings.textContent = notes.length ? `⚠ ${notes[0]}${notes.length > 1 ? ` (+${notes.length - 1})` : ''}` : '';
    warnings.title = notes.join('\n');
  });
  const update = () => {
    const pane = state.view === 'result' || !scene() ? panes.result : panes.reference;
    zoom.textContent = state.document ? describeZoom(pane) : '';
    drawScale(scales[0], panes.reference);
    drawScale(scales[1], panes.result);
  };
  for (const pane of [panes.reference, panes.result]) {
    pane.viewer.addHandler('update-viewport', update);
    pane.viewer.addHandler('resize', update);
  }
  on('document', update);
  on('view', () => requestAnimationFrame(update));
}

function describeCell({ row, col }) {
  if (row === null || !state.layout) return '';
  const index = row * grid().cols + col;
  const label = state.layout.labels[index];
  const name = label < 0 ? 'erased' : swatches()[label]?.name ?? '';
  return `Row ${row + 1}, column ${col + 1} · ${name}${state.layout.edited[index] ? ' · edited' : ''}`;
}

function describePosition({ x, y }) {
  if (!scene()) return '';
  const place = placeOf(x, y);
  return `x ${whole(x)}, y ${whole(y)}${place ? ` · ${formatPlace(place)}` : ''}`;
}

/** Metres along a level-0 pixel; for a canvas without a scene level 0 is the canvas. */
const worldPixel = () => (scene() ? scene().pixel_size_m : grid()?.pixel_size_m) ?? null;

function describeZoom(pane) {
  const percent = `${round3(pane.scale * 100)} %`;
  const pixel = worldPixel();
  if (!pixel || pixel > MICROSCOPE_BELOW_M) return percent;
  return `${round3((40 * FORTY_X_M) / (pixel / pane.scale))}× · ${percent}`;
}

/** A round length between 60 and 150 screen pixels. */
function drawScale(host, pane) {
  const pixel = worldPixel();
  host.hidden = !pixel || !pane.host.clientWidth || !state.document || (pane.name === 'result' && !grid());
  if (host.hidden) return;
  const metres = pixel / pane.scale;
  const rough = metres * 130;
  const power = 10 ** Math.floor(Math.log10(rough));
  const length = [5, 2, 1].map((step) => step * power).find((step) => step <= rough) ?? power;
  host.style.width = `${length / metres}px`;
  if (!host.firstChild) host.append(h('span.sd-scale-label'));
  host.firstChild.textContent = formatLength(length);
}
