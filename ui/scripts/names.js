// What a document is called on this screen: its name; where nobody gave one, that of its scene's file. The file's name
// stays on the page: documents, exports and logs know the scene by its alias alone.

import { ask, emit, on, state } from './store.js';

const ALIAS = /^Scene [0-9a-f]{8}(?=$| copy)/;
const files = new Map(); // id of a scene -> name of its file
let asked = '';

/** @param {{name: string, scene: ?{id: string}}} document */
export function titleOf(document) {
  const file = files.get(document.scene?.id);
  return file ? document.name.replace(ALIAS, () => file) : document.name;
}

/** A text of the server about a document, as it is called on this screen. */
export const titled = (text, document) => (document && text ? text.replaceAll(document.name, () => titleOf(document)) : text);

const plain = (name) => name.replace(/(\.ome)?\.[^.]+$/, '') || name;

/** Learn the names from a listing of the library. */
export function learnNames(library) {
  for (const scene of library?.scenes ?? []) files.set(scene.id, plain(scene.name));
}

on('document', async () => {
  const { scene, name } = state.document;
  if (!scene || !ALIAS.test(name) || files.has(scene.id) || asked === scene.id) return;
  asked = scene.id; // an upload of this session: the listing knows it by now
  learnNames(await ask('library').catch(() => null));
  if (files.has(scene.id)) emit('names');
});
