// The picture follows the brush: few steps of what changed in view, and when the brush rests, the same in full.

import { ask, emit, grid, notify, on, ServerError, state, url } from './store.js';
import { currentWish, pendingCells } from './draw.js';
import { activeJob, onFollow } from './live.js';
import { h } from './format.js';
import { stroke } from './gestures.js';

const REST_MS = 1200;
let following = false;
let asked = 0; // version of the layout that was asked for last
let busy = false;
let rest = 0;

/** @param {object} pane  the result's  @param {{reference: object}} panes */
export function mountFollow(pane) {
  on('layout', () => follow(pane));
  on('document', ({ first }) => {
    if (!first) return;
    asked = state.layout?.version ?? 0;
    busy = false;
    clearTimeout(rest);
  });
  on('jobs', (job) => { if (job?.kind === 'follow' && ['failed', 'cancelled'].includes(job.state)) busy = false; });
  onFollow((news) => show(pane, news));
}

/** The button that begins and ends following. */
export function followToggle() {
  const button = h('button.sd-follow', { type: 'button', id: 'sd-follow', 'aria-pressed': 'false', title: 'After each stroke a quick picture of what changed; it sharpens when you pause', onclick: () => {
    following = !following;
    button.setAttribute('aria-pressed', String(following));
    emit('layout');
  } }, 'Follow the brush');
  return button;
}

async function follow(pane) {
  if (!following || !grid() || !state.layout || state.tab !== 'paint') return;
  clearTimeout(rest);
  if (busy || state.layout.version === asked) return plan();
  asked = state.layout.version;
  if (!pendingCells() && state.resultId) return pane.setPreview(null);
  busy = true;
  try {
    await ask(`documents/${state.document.id}/follow`, { ...currentWish(), strength: 1, appearance: '', view: view(pane) });
  } catch (error) {
    busy = false;
    following = false;
    document.querySelector('#sd-follow')?.setAttribute('aria-pressed', 'false');
    notify(error instanceof ServerError ? error.message : 'The picture cannot follow the brush.');
  }
  return undefined;
}

/** Cells in view: [row, col, rows, cols]. */
function view(pane) {
  const { origin_l0: [left, top], cell_l0: cell } = grid();
  const [x, y] = pane.toScreen(left, top);
  const side = cell * pane.scale;
  const row = Math.floor(-y / side);
  const col = Math.floor(-x / side);
  return [row, col, Math.ceil(pane.host.clientHeight / side) + 1, Math.ceil(pane.host.clientWidth / side) + 1];
}

function show(pane, { number, box: [x, y, width, height], seconds }) {
  busy = false;
  const image = new Image();
  image.onload = () => {
    pane.setPreview(image, { x, y, width, height });
    pane.host.dataset.followed = `${number} ${seconds}`;
  };
  image.src = url(`documents/${state.document.id}/follow/${number}.webp`);
  if (state.layout.version !== asked) follow(pane);
  else plan();
}

/** The brush rests: draw the same in full. */
function plan() {
  clearTimeout(rest);
  rest = setTimeout(() => {
    if (!following || stroke || busy || !pendingCells() && state.resultId || activeJob('generate') || activeJob('sharpen')) return;
    ask(`documents/${state.document.id}/generate`, { ...currentWish(), auto: true }).catch(() => {});
  }, REST_MS);
}
