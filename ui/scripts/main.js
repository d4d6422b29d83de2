// Started once by whichever component mounts first: models, keys, theme.

import { ask, emit, state } from './store.js';
import { bindKeys } from './keys.js';
import { startKiosk } from './kiosk.js';
import { learnNames } from './names.js';
import { restoreTheme } from './topbar.js';

let started = null;

/** Load what the page needs before a document can be shown. */
export function initialise() {
  started ??= start();
  return started;
}

async function start() {
  restoreTheme();
  bindKeys();
  const library = await ask('library').catch(() => null);
  if (!library) return;
  Object.assign(state, { models: library.models, user: library.user, hasLogin: library.has_login });
  learnNames(library);
  emit('library');
  startKiosk();
}
