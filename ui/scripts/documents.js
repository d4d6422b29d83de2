// Documents: the menu of the one that is open, and the list of all.

import { ask, attempt, emit, grid, notify, on, state, url } from './store.js';
import { annotationsInput } from './annotations.js';
import { openDocument, showDocument } from './live.js';
import { confirmFirst } from './ask.js';
import { picture } from './browse.js';
import { formatAge, h } from './format.js';
import { icon } from './icons.js';
import { menu } from './menu.js';
import { titleOf } from './names.js';

const SHOWN_AT_FIRST = 6;

const count = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** The menu beside the document's name. */
export function documentMenu() {
  const annotations = annotationsInput();
  const { element } = menu({ id: 'sd-document-menu', title: 'Save, copy or delete this document', glyph: 'more', entries: () => [
    h('a', { role: 'menuitem', href: url(`documents/${state.document.id}/file`), download: '', 'data-action': 'save' }, h('strong', {}, 'Save as a file'), h('span', {}, 'Grid, palette, edits and results in one .ssldiff file')),
    grid() ? h('button', { type: 'button', role: 'menuitem', 'data-action': 'annotations', onclick: () => annotations.click() }, h('strong', {}, 'Load annotations or a mask …'), h('span', {}, 'GeoJSON or label image as the layout; or drop the file')) : null,
    h('button', { type: 'button', role: 'menuitem', 'data-action': 'duplicate', onclick: duplicate }, h('strong', {}, 'Duplicate'), h('span', {}, 'Go on in a copy; this one stays as it is')),
    h('button', { type: 'button', role: 'menuitem', 'data-action': 'delete', onclick: deleteOpen }, h('strong', {}, 'Delete …'), h('span', {}, 'With all its results')),
  ].filter(Boolean) });
  element.append(annotations);
  element.hidden = true;
  on('document', () => { element.hidden = !state.document; });
  return element;
}

async function duplicate() {
  const copy = await attempt(() => ask(`documents/${state.document.id}/duplicate`, {}));
  if (!copy) return;
  showDocument(copy);
  notify(`This is now ${titleOf(copy)}.`, 'info');
}

async function deleteOpen() {
  if (!(await confirmDelete(titleOf(state.document)))) return;
  if (!(await attempt(() => ask(`documents/${state.document.id}/delete`, {})))) return;
  history.replaceState(null, '', location.pathname + location.search);
  location.reload();
}

const confirmDelete = (name) => confirmFirst({ title: `Delete ${name}?`, text: 'The document and all its results are removed from this server. This cannot be undone.', yes: 'Delete', no: 'Keep it', danger: true });

/** All documents, newest first; a few, and the others when asked for. @param {(text: string) => void} tell  @param {Function} busy */
export function documentList(documents, tell, busy) {
  const list = h('div.sd-list.sd-documents');
  const show = (all) => {
    const rows = documents.slice(0, all ? documents.length : SHOWN_AT_FIRST).map((document) => documentRow(document, tell, busy, () => {
      documents.splice(documents.indexOf(document), 1);
      show(all);
    }));
    const more = documents.length - rows.length;
    list.replaceChildren(...rows, ...(more > 0 ? [h('button.sd-file.sd-all', { type: 'button', onclick: () => show(true) }, `Show ${more} more`)] : []));
  };
  show(false);
  return list;
}

function documentRow(document, tell, busy, removed) {
  const last = document.results.at(-1);
  const source = last ? { id: last.scene_id, version: last.scene_version } : document.scene?.version ? document.scene : null;
  const open = h('button.sd-file', { type: 'button', 'data-document': document.id, onclick: (event) => busy(event.currentTarget, async () => {
    if (!(await openDocument(document.id))) tell('This document can no longer be opened.');
  }) }, source ? picture(source) : h('span.sd-no-picture'), h('span.sd-file-name', {}, titleOf(document),
    h('small', {}, `${count(document.edits, 'edit')} · ${count(document.results.length, 'result')}`)), h('small', {}, formatAge(document.changed)));
  const remove = h('button.sd-icon', { type: 'button', 'aria-label': `Delete ${titleOf(document)}`, title: 'Delete', html: icon('close', 14), onclick: async () => {
    if (!(await confirmDelete(titleOf(document)))) return;
    const answer = await ask(`documents/${document.id}/delete`, {}).catch((error) => tell(error.message));
    if (answer) removed();
    if (answer && state.document?.id === document.id) emit('start');
  } });
  return h('div.sd-document', {}, open, remove);
}
