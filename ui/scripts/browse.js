// The server's folder as a list to walk through: folders first, then scenes with thumbnails that load as they come into sight.

import { url } from './store.js';
import { formatBytes, h, whole } from './format.js';
import { icon } from './icons.js';

const SEARCH_FROM = 9;
const SHOWN_AT_MOST = 300;

export const thumbnail = (scene) => url(`thumbnails/${scene.id}/${scene.version}.jpg`);

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    load(target);
  }
}, { rootMargin: '120px' });

/** A thumbnail, or a plain frame where the file cannot be read; asked for when it comes into sight. */
export function picture(scene) {
  const image = h('img', { alt: '', 'data-address': thumbnail(scene) });
  watcher.observe(image);
  return image;
}

async function load(image) {
  const response = await fetch(image.dataset.address).catch(() => null);
  if (response?.status === 200) image.src = URL.createObjectURL(await response.blob());
}

/** @param {object[]} files  as /library gives them  @param {(scene, button) => void} open */
export function fileBrowser(files, open) {
  if (!files.length) return h('p.sd-empty', {}, 'The folder has no scenes.');
  const list = h('div.sd-list.sd-files');
  const path = h('nav.sd-path', { 'aria-label': 'Folder' });
  let folder = '';
  const search = h('input', { type: 'search', placeholder: `Search ${whole(files.length)} files`, 'aria-label': 'Search the files', oninput: () => show() });
  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    const rows = wanted ? found(files, wanted, open) : inside(files, folder, open, enter);
    list.replaceChildren(...rows.slice(0, SHOWN_AT_MOST));
    if (rows.length > SHOWN_AT_MOST) list.append(h('p.sd-more', {}, `${whole(rows.length - SHOWN_AT_MOST)} more: search for a part of the name.`));
    if (!rows.length) list.append(h('p.sd-more', {}, 'No file has this in its name.'));
    path.replaceChildren(...crumbs(folder, enter));
    path.hidden = Boolean(wanted) || !files.some((file) => file.folder);
  };
  const enter = (name) => {
    folder = name;
    show();
  };
  show();
  return h('div.sd-browser', {}, files.length < SEARCH_FROM ? null : search, path, list);
}

/** Folders and files directly in a folder. */
function inside(files, folder, open, enter) {
  const prefix = folder ? `${folder}/` : '';
  const deeper = new Map();
  const here = [];
  for (const file of files) {
    if (file.folder === folder) here.push(file);
    else if (file.folder.startsWith(prefix)) {
      const name = file.folder.slice(prefix.length).split('/')[0];
      deeper.set(name, (deeper.get(name) ?? 0) + 1);
    }
  }
  return [...[...deeper].map(([name, count]) => folderRow(name, count, () => enter(prefix + name))), ...here.map((file) => fileRow(file, open, false))];
}

const found = (files, wanted, open) => files.filter((file) => `${file.folder}/${file.name}`.toLowerCase().includes(wanted)).map((file) => fileRow(file, open, true));

function folderRow(name, count, enter) {
  return h('button.sd-file', { type: 'button', 'data-folder': name, onclick: enter }, h('span.sd-no-picture.sd-folder', { html: icon('open', 20) }), h('span.sd-file-name', {}, name),
    h('small', {}, `${whole(count)} file${count === 1 ? '' : 's'}`));
}

function fileRow(scene, open, withFolder) {
  return h('button.sd-file', { type: 'button', 'data-scene': scene.id, onclick: (event) => open(scene, event.currentTarget) },
    picture(scene), h('span.sd-file-name', {}, scene.name, withFolder && scene.folder ? h('small', {}, scene.folder) : null), h('small', {}, formatBytes(scene.size_bytes)));
}

function crumbs(folder, enter) {
  const parts = folder ? folder.split('/') : [];
  const crumb = (name, target) => (target === folder
    ? h('span', { 'aria-current': 'location' }, name) : h('button', { type: 'button', onclick: () => enter(target) }, name));
  return [crumb('All', ''), ...parts.flatMap((name, k) => [h('span', { 'aria-hidden': 'true' }, '/'), crumb(name, parts.slice(0, k + 1).join('/'))])];
}
