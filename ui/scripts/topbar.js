// The bar on top: what is open, its pixel size, whether it is saved, theme and help.

import { ask, attempt, emit, grid, on, scene, state, url } from './store.js';
import { documentMenu } from './documents.js';
import { formatLength, h, whole } from './format.js';
import { icon } from './icons.js';
import { toggleHelp } from './help.js';
import { titleOf } from './names.js';
import { mountTabs } from './tabs.js';

const THEME_KEY = 'ssldiff-theme';

/** The theme chosen before; else `otherwise`, or what the system prefers. */
export function restoreTheme(otherwise = null) {
  const wanted = localStorage.getItem(THEME_KEY) ?? otherwise;
  if (wanted) setTheme(wanted === 'dark');
}

function setTheme(dark) {
  document.body.classList.toggle('dark', dark);
  emit('theme');
}

export function mount(element) {
  const host = element.querySelector('.sd-topbar');
  const name = h('input.sd-name', { type: 'text', 'aria-label': 'Name of the document', maxlength: '120', spellcheck: 'false', hidden: true });
  const ruler = h('span.sd-name-ruler', { 'aria-hidden': 'true' });
  const facts = h('span.sd-facts');
  const pixel = pixelSizeButton();
  const connection = h('span.sd-connection', { role: 'status' });
  host.append(h('span.sd-brand', {}, h('span.sd-mark', { 'aria-hidden': 'true' }), 'ssldiff'));
  mountTabs(host);
  host.append(
    h('button', { type: 'button', id: 'sd-open', html: `${icon('open', 17)}<span>Open</span>`, title: 'Open a scene or another document', onclick: () => emit('start') }),
    name, ruler, documentMenu(), pixel.element, facts, h('span.sd-spring'), connection, userBadge(),
    h('button.sd-icon', { type: 'button', title: 'Light or dark', 'aria-label': 'Light or dark', html: icon('theme'), onclick: () => {
      setTheme(!document.body.classList.contains('dark'));
      localStorage.setItem(THEME_KEY, document.body.classList.contains('dark') ? 'dark' : 'light');
    } }),
    h('button.sd-icon', { type: 'button', title: 'Keys (?)', 'aria-label': 'Keys', html: icon('help'), onclick: toggleHelp }),
  );
  name.addEventListener('change', () => attempt(() => ask(`documents/${state.document.id}/name`, { name: name.value })));
  name.addEventListener('keydown', (event) => event.key === 'Enter' && name.blur());
  const showName = () => {
    if (document.activeElement !== name) name.value = titleOf(state.document);
    name.title = name.value;
    ruler.textContent = name.value;
    name.style.width = `${Math.ceil(Math.max(60, ruler.getBoundingClientRect().width)) + 20}px`; // as wide as it reads, where there is room
  };
  on('names', showName);
  on('document', () => {
    name.hidden = false;
    showName();
    facts.textContent = describe();
    facts.title = scene()?.attribution ?? '';
    pixel.show();
  });
  on('connection', () => { connection.textContent = state.connected ? '' : 'Server does not answer; trying again …'; });
}

/** Who is logged in, and the way out. */
function userBadge() {
  const badge = h('span.sd-user', { hidden: true });
  on('library', () => {
    badge.hidden = !state.user;
    badge.replaceChildren(state.user, ...(state.hasLogin ? [h('form', { method: 'post', action: url('logout') }, h('button', { type: 'submit' }, 'Log out'))] : []));
  });
  return badge;
}

function describe() {
  const parts = [];
  if (scene()) parts.push(`${scene().size_l0.map(whole).join(' × ')} px`);
  if (grid()) parts.push(`${scene() ? 'read at ' : ''}${formatLength(grid().pixel_size_m)} / px`);
  if (state.document.model_id) parts.push(`model ${state.document.model_id}`);
  return parts.join(' · ');
}

/** The pixel size of the scene, and a field to correct it. */
function pixelSizeButton() {
  const button = h('button.sd-pixel', { type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', title: 'Pixel size of the scene; click to correct it', onclick: () => toggle(panel.hidden) });
  const input = h('input', { type: 'text', 'aria-label': 'Pixel size, with its unit', placeholder: '0.5 µm' });
  const reset = h('button', { type: 'button', onclick: () => save('') }, 'As in the file');
  const panel = h('form.sd-popover', { hidden: true, onsubmit: (event) => { event.preventDefault(); save(input.value); } },
    h('label', {}, 'Pixel size', input), h('p', {}, 'A length with its unit: 0.5 µm, 30 cm, 0.3 m.'), h('div.sd-row', {}, h('button.sd-primary', { type: 'submit' }, 'Set'), reset));
  const toggle = (open) => {
    panel.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (open) {
      input.value = scene()?.pixel_size_m ? formatLength(scene().pixel_size_m) : '';
      reset.hidden = !scene()?.file_pixel_size_m;
      input.select();
    }
  };
  const save = async (text) => {
    const answer = await attempt(() => ask(`documents/${state.document.id}/pixel-size`, { text }));
    if (answer) toggle(false);
  };
  const element = h('div.sd-menu-anchor', { hidden: true }, button, panel);
  document.addEventListener('pointerdown', (event) => element.contains(event.target) || toggle(false));
  panel.addEventListener('keydown', (event) => event.key === 'Escape' && (toggle(false), button.focus()));
  return { element, show() {
    element.hidden = !scene();
    const size = scene()?.pixel_size_m;
    button.textContent = size ? `${formatLength(size)} / px` : 'Pixel size unknown';
    button.classList.toggle('sd-attention', !size);
  } };
}
