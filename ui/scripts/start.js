// The way in: demo scenes, the server's folder, an upload, an empty canvas, documents of before.

import { ask, attempt, emit, on, read, ServerError, state, url } from './store.js';
import { showDocument } from './live.js';
import { fileBrowser, thumbnail } from './browse.js';
import { documentList } from './documents.js';
import { modelsButton } from './models.js';
import { learnNames } from './names.js';
import { chooseTab } from './tabs.js';
import { h } from './format.js';
import { icon } from './icons.js';

let host = null;
let message = null;
let back = null; // the button that leads back to the document beneath
let asked = false; // whether the user opened this page, or it opened for want of a document

export function mountStart(element) {
  host = element;
  on('start', () => { asked = true; return open(); });
  on('ready', () => (state.document || asked ? undefined : open()));
  on('document', ({ first, restored }) => {
    if (back) back.hidden = false;
    if (first && !(restored && asked)) close(); // news of the document beneath close nothing
  });
  on('escape', () => state.document && close());
  on('tab', () => host.hidden || showWay());
  host.addEventListener('dragover', (event) => { event.preventDefault(); host.classList.add('sd-dropping'); });
  host.addEventListener('dragleave', (event) => event.target === host && host.classList.remove('sd-dropping'));
  host.addEventListener('drop', (event) => {
    event.preventDefault();
    host.classList.remove('sd-dropping');
    if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
  });
}

function close() {
  [host.hidden, asked] = [true, false];
  emit('start-closed');
}

async function open() {
  host.hidden = false;
  emit('start-opened');
  host.replaceChildren(h('p.sd-hint-text', {}, 'Looking for scenes …'));
  const library = await attempt(() => ask('library'));
  state.models = library?.models ?? [];
  learnNames(library);
  message = h('p.sd-start-message', { role: 'alert', hidden: true });
  back = h('button.sd-icon', { hidden: !state.document, type: 'button', 'aria-label': 'Back to the document', title: 'Back to the document (Esc)', html: icon('close'), onclick: close });
  host.replaceChildren(h('div.sd-start-inner', {},
    h('header', {}, h('div', {}, h('h1', { tabindex: '-1' }, 'Open a scene'), h('p', {}, 'See it as a grid of cells, paint on the grid, and generate a large image that follows it.')), back),
    message, ...sections(library ?? { scenes: [], models: [], recent: [], has_root: false })));
  host.querySelector('h1').focus({ preventScroll: true });
  showWay();
}

/** The tab says where a beginning is looked for: a scene to explore, or an empty canvas to paint. */
function showWay() {
  host.querySelectorAll('section[data-way]').forEach((part) => { part.dataset.chosen = String(part.dataset.way === state.tab); });
  const part = state.tab !== 'explore' && host.querySelector(`section[data-way="${state.tab}"]`);
  if (part) part.scrollIntoView({ block: 'nearest' });
}

function sections(library) {
  const of = (origin) => library.scenes.filter((scene) => scene.origin === origin);
  const demos = of('demo');
  const files = [...of('root'), ...of('upload')];
  const palettes = library.models.filter((model) => model.has_palette);
  return [
    h('div.sd-start-columns', {},
      h('div', {},
        section('Demo scenes', demos.length ? h('div.sd-cards', {}, ...demos.map(sceneCard)) : h('p.sd-empty', {}, 'No demo scenes are installed. Open a file of your own.')),
        library.recent.length ? section('Continue', documentList(library.recent, tell, busy)) : null),
      h('div', {},
        section('Your file', uploadBox()),
        library.has_root ? section('Folder on the server', fileBrowser(files, openScene)) : files.length ? section('Uploaded before', fileBrowser(files, openScene)) : null,
        library.models.some((model) => model.sentences.length) ? way('describe', section('A sentence', h('p', {}, 'Say what lies where, and choose among the layouts that it gives.'), h('button', { type: 'button', id: 'sd-begin-describing', html: `${icon('describe', 17)}<span>Describe an image</span>`, onclick: describe }))) : null,
        palettes.length ? way('paint', section('Empty canvas', h('p', {}, 'Nothing to open: paint with the model\'s own palette.'), canvasForm(palettes))) : null)),
    library.models.length ? null : h('p.sd-empty', {}, 'No model weights are installed: scenes can be looked at, but not read or generated.'),
  ].filter(Boolean);
}

function describe() {
  chooseTab('describe');
  document.querySelector('#sd-text')?.focus();
}

function way(name, part) {
  part.dataset.way = name;
  return part;
}

const section = (title, ...children) => h('section', {}, h('h2', {}, title), ...children);

function sceneCard(scene) {
  return h('button.sd-card', { type: 'button', 'data-scene': scene.id, onclick: (event) => openScene(scene, event.currentTarget) },
    h('img', { src: thumbnail(scene), alt: '', loading: 'lazy' }), h('span', {}, h('strong', {}, title(scene.name)), h('span', {}, 'Synthetic, made by ssldiff')));
}

const title = (name) => name.replace(/(\.ome)?\.[^.]+$/, '').replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase());

function uploadBox() {
  const input = h('input.sd-hidden', { type: 'file', id: 'sd-upload', 'aria-label': 'Choose a file', onchange: () => input.files[0] && upload(input.files[0]) });
  return h('div.sd-drop', {}, input, h('button', { type: 'button', html: `${icon('upload', 17)}<span>Choose a file</span>`, onclick: () => input.click() }),
    h('p', {}, 'or drop it here: SVS, NDPI, OME-TIFF, GeoTIFF, PNG, JPEG …, or a saved .ssldiff document. It stays on this server.'), h('progress', { max: '1', value: '0', hidden: true }));
}

/** Send a file and open it; XMLHttpRequest because it tells how far it is. */
function upload(file) {
  if (/\.(geojson|json)$/i.test(file.name)) return tell('Annotations are laid over a layout: begin a canvas, or read a region of a scene, and drop the file there.');
  const bar = host.querySelector('.sd-drop progress');
  tell('');
  bar.hidden = false;
  const form = new FormData();
  form.append('file', file);
  const request = new XMLHttpRequest();
  request.open('POST', url(/\.ssldiff$/i.test(file.name) ? 'document-files' : 'uploads'));
  request.upload.onprogress = (event) => event.lengthComputable && (bar.value = event.loaded / event.total);
  request.onloadend = async () => {
    bar.hidden = true;
    host.querySelector('#sd-upload').value = '';
    const response = request.status ? new Response(request.responseText, { status: request.status }) : null;
    try {
      showDocument(await read(response));
    } catch (error) {
      tell(error instanceof ServerError ? error.message : 'The file could not be opened.');
    }
  };
  return request.send(form);
}

function canvasForm(models) {
  const model = h('select', { 'aria-label': 'Model' }, ...models.map((one) => h('option', { value: one.id }, one.id)));
  const side = (label) => h('input', { type: 'number', min: '1', max: '128', value: '8', 'aria-label': label });
  const [rows, cols] = [side('Rows'), side('Columns')];
  const submit = h('button', { type: 'submit', html: `${icon('canvas', 17)}<span>Start painting</span>` });
  return h('form.sd-row', { onsubmit: (event) => {
    event.preventDefault();
    busy(submit, () => create({ model: model.value, rows: Number(rows.value), cols: Number(cols.value) }));
  } }, model, rows, '×', cols, h('span', {}, 'cells'), submit, modelsButton());
}

const openScene = (scene, button) => busy(button, () => create({ scene: scene.id }));

async function create(body) {
  try {
    showDocument(await ask('documents', body));
  } catch (error) {
    tell(error.message);
  }
}

async function busy(button, action) {
  tell('');
  button.setAttribute('aria-busy', 'true');
  await action();
  button.removeAttribute('aria-busy');
}

function tell(text) {
  message.textContent = text;
  message.hidden = !text;
  if (text) message.scrollIntoView({ block: 'nearest' });
}

