// The patch that the model draws for a swatch or a mixture: a short job on the server, asked for when it is wanted.

import { ask, attempt, on, state, url } from './store.js';
import { h } from './format.js';

const WAIT_MS = 350; // a slider at rest

export class Preview {
  constructor() {
    this.on = localStorage.getItem('ssldiff-previews') === 'on';
    this.picture = h('img', { alt: 'What the model draws for this swatch', hidden: true });
    this.note = h('span');
    this.element = h('button.sd-preview', { type: 'button', 'aria-pressed': String(this.on), onclick: () => this.press() }, this.picture, this.note);
    this.wanted = null; // {swatch, other, share, seed}
    this.waiting = new Map(); // job id -> key
    this.seed = 0;
    on('jobs', (job) => job && this.hear(job));
    this.label();
  }

  /** Show this swatch's patch, or offer to draw it. */
  want(body) {
    const key = JSON.stringify([state.document?.id, body, this.seed]);
    if (key === this.key) return;
    this.key = key;
    this.wanted = body;
    this.picture.hidden = true;
    this.label();
    clearTimeout(this.timer);
    if (this.on && body.swatch) this.timer = setTimeout(() => this.draw(key), WAIT_MS);
  }

  /** The first press turns previews on; further ones draw another example. */
  press() {
    if (this.on) this.seed += 1;
    this.on = true;
    localStorage.setItem('ssldiff-previews', 'on');
    this.element.setAttribute('aria-pressed', 'true');
    this.key = null;
    this.want(this.wanted);
  }

  async draw(key) {
    const id = state.document?.id;
    this.note.textContent = 'Drawing …';
    const answer = await attempt(() => ask(`documents/${id}/previews`, { ...this.wanted, seed: this.seed }));
    if (!answer || key !== this.key) return;
    if (answer.job) this.waiting.set(answer.job.id, { key, path: `documents/${id}/previews/${answer.key}.jpg` });
    else this.show(`documents/${id}/previews/${answer.key}.jpg`);
    if (answer.job && state.jobs.get(answer.job.id)) this.hear(state.jobs.get(answer.job.id)); // news was faster
  }

  hear(job) {
    const known = this.waiting.get(job.id);
    if (!known || ['queued', 'running'].includes(job.state)) return;
    this.waiting.delete(job.id);
    if (known.key !== this.key) return;
    if (job.state === 'done') this.show(known.path);
    else this.label();
  }

  show(path) {
    this.picture.src = url(path);
    this.picture.hidden = false;
    this.note.textContent = '';
    this.element.title = 'What the model draws for this swatch; click for another example';
    this.element.setAttribute('aria-label', this.element.title);
  }

  label() {
    this.note.textContent = this.on ? '…' : 'Draw it';
    this.element.title = 'Let the model draw what this swatch looks like';
    this.element.setAttribute('aria-label', this.element.title);
  }
}
