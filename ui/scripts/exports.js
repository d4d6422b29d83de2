// What can be taken out: the result as files, its labels, contact sheets, and the view as it is seen.

import { attempt, currentResult, scene, state, url } from './store.js';
import { placeOf } from './geography.js';
import { h } from './format.js';
import { menu } from './menu.js';
import { openReaderSets } from './reader-sets.js';
import { saveView } from './snapshot.js';

const IGNORE_PX = 24; // 95 of 100 points of borders come out nearer than this to where they were drawn

/** @param {{reference: object, result: object}} panes */
export function exportMenu(panes) {
  return menu({ id: 'sd-download', title: 'Download the result', glyph: 'download', entries: () => entries(panes) });
}

function entries(panes) {
  const base = `documents/${state.document.id}/results/${currentResult().id}`;
  const entry = (what, title, note) => h('a', { role: 'menuitem', href: url(`${base}/${what}`), download: '', 'data-export': what }, h('strong', {}, title), h('span', {}, note));
  const placed = scene() && placeOf(...currentResult().origin_l0);
  return [
    h('h4', {}, 'Image'),
    entry('image.ome.tif', 'OME-TIFF', 'Pyramid with pixel size and manifest; opens in QuPath'),
    entry('image.png', 'PNG', 'Full size, manifest inside'),
    placed ? entry('export.cog.tif', 'GeoTIFF', 'At the place and in the coordinates of the reference; opens in QGIS') : null,
    entry('export.dzi.zip', 'Deep Zoom', 'Tiles for a page on the web, in one zip'),
    h('button', { type: 'button', role: 'menuitem', 'data-export': 'view', onclick: () => attempt(() => saveView(panes)) }, h('strong', {}, 'This view as PNG'), h('span', {}, 'As on the screen, with scale bar, visibly marked')),
    h('h4', {}, 'Labels, pixel on pixel over the image'),
    entry('pair.zip', 'Image with labels', 'PNG, label map, GeoJSON and manifest in one zip'),
    entry(`labels.png?ignore_px=${IGNORE_PX}`, 'Label map as PNG', `Swatch of each pixel; ${IGNORE_PX} px beside borders are 255, to be ignored`),
    entry('labels.geojson', 'Labels as GeoJSON', 'Polygons with names and colours; opens in QuPath'),
    h('h4', {}, 'Papers'),
    entry('sheet.pdf?with_all=true', 'Contact sheet as PDF', 'Reference, layout and all results, with scale bars'),
    entry('sheet.png?with_all=true', 'Contact sheet as PNG', 'The same as a picture'),
    scene() ? h('button', { type: 'button', role: 'menuitem', 'data-export': 'readers', onclick: () => openReaderSets() }, h('strong', {}, 'Blinded reader set …'), h('span', {}, 'Real or synthetic? A quiz with a sealed key and scores')) : null,
    entry('manifest.json', 'Manifest', 'What made this image, and how to make it again'),
    h('p.sd-menu-note', {}, 'Every file is marked SYNTHETIC.'),
  ].filter(Boolean);
}
