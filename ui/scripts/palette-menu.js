// Palettes as a whole: save under a name, use a saved one or another document's, take back a change, load and download a file.

import { ask, attempt, notify, state, url } from './store.js';
import { formatAge, h } from './format.js';
import { icon } from './icons.js';
import { titleOf } from './names.js';
import { loadPaletteFile, savePalette, takePalette, undoPalette } from './palette-actions.js';

export function paletteMenu() {
  const list = h('div.sd-menu.sd-palette-menu', { role: 'menu', hidden: true });
  const button = h('button.sd-icon', { type: 'button', id: 'sd-palette-menu', title: 'Save, load and share palettes', 'aria-label': 'Palettes', 'aria-haspopup': 'menu', 'aria-expanded': 'false', html: icon('more', 16), onclick: () => toggle(list.hidden) });
  const file = h('input.sd-hidden', { type: 'file', accept: '.npz', id: 'sd-palette-file', 'aria-label': 'A palette file', tabindex: '-1', onchange: () => { if (file.files[0]) loadPaletteFile(file.files[0]); file.value = ''; toggle(false); } });
  const element = h('div.sd-menu-anchor', {}, button, list, file);
  async function toggle(open) {
    list.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (!open) return;
    list.replaceChildren(...fixed(file, () => toggle(false)));
    const [saved, library] = await Promise.all([attempt(() => ask('palettes')), attempt(() => ask('library'))]);
    if (!list.hidden) list.append(...others(saved?.palettes ?? [], library?.recent ?? [], () => toggle(false)));
  }
  document.addEventListener('pointerdown', (event) => element.contains(event.target) || toggle(false));
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || list.hidden) return;
    event.stopPropagation();
    toggle(false);
    button.focus();
  });
  return { element };
}

const item = (text, action, title) => h('button.sd-menu-item', { type: 'button', role: 'menuitem', title, onclick: action }, text);

function fixed(file, close) {
  const change = state.document.palette?.last_change;
  const name = h('input', { type: 'text', 'aria-label': 'Name for the palette', value: state.document.name, maxlength: '60' });
  const save = async (event) => {
    event.preventDefault();
    const answer = await savePalette(name.value);
    if (!answer) return;
    notify(`Saved the palette “${answer.name}” for every document.`, 'info');
    close();
  };
  return [
    change ? item(`Undo: ${change}`, () => { undoPalette(); close(); }) : null,
    h('form.sd-row.sd-menu-form', { onsubmit: save }, name, h('button', { type: 'submit', id: 'sd-save-palette' }, 'Save palette')),
    h('a', { role: 'menuitem', href: url(`documents/${state.document.id}/palette.npz`), download: '' }, 'Download as a file'),
    item('Load a file …', () => file.click()),
  ].filter(Boolean);
}

/** Saved palettes and those of other documents; those of another model do not fit and are left out. */
function others(palettes, recent, close) {
  const own = state.document.palette;
  const fitting = palettes.filter((one) => one.encoder_id === own.encoder_id && one.pixel_size === own.pixel_size);
  const documents = recent.filter((one) => one.id !== state.document.id && one.palette !== false).slice(0, 5);
  const row = (name, body, colours) => h('div.sd-palette-row', {}, h('span.sd-palette-name', { title: name }, name), h('span.sd-bands', {}, ...colours.map((colour) => h('i', { style: `background:${colour}` }))),
    h('button', { type: 'button', class: 'sd-quiet', 'aria-label': `Use ${name} instead`, title: 'In place of this palette', onclick: () => { takePalette(body); close(); } }, 'Use'),
    h('button', { type: 'button', class: 'sd-quiet', 'aria-label': `Add ${name}`, title: 'Beside this palette', onclick: () => { takePalette({ ...body, beside: true }); close(); } }, 'Add'));
  const group = (title, rows) => (rows.length ? [h('h3', {}, title), ...rows] : []);
  return [
    ...group('Saved palettes', fitting.map((one) => row(one.name, { palette: one.name }, one.colours))),
    ...group('Of another document', documents.map((one) => row(`${titleOf(one)} · ${formatAge(one.changed)}`, { document: one.id }, []))),
  ];
}
