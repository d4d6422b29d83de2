// A button that opens a menu; what is in it is made when it opens.

import { h } from './format.js';
import { icon } from './icons.js';

/** @param {{id: string, title: string, glyph: string, entries: () => HTMLElement[]}} options */
export function menu({ id, title, glyph, entries }) {
  const list = h('div.sd-menu', { role: 'menu', hidden: true });
  const button = h('button.sd-icon', {
    type: 'button', id, title, 'aria-label': title, 'aria-haspopup': 'menu', 'aria-expanded': 'false', html: icon(glyph, 16), onclick: () => toggle(list.hidden),
  });
  const items = () => [...list.querySelectorAll('[role=menuitem]')];
  const toggle = (open) => {
    if (open) list.replaceChildren(...entries());
    list.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (open) items()[0]?.focus();
  };
  const element = h('div.sd-menu-anchor', {}, button, list);
  document.addEventListener('pointerdown', (event) => element.contains(event.target) || toggle(false));
  element.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key !== 'Escape' && !step) return;
    event.stopPropagation();
    event.preventDefault();
    if (step) items().at((items().indexOf(document.activeElement) + step) % items().length)?.focus();
    else {
      toggle(false);
      button.focus();
    }
  });
  list.addEventListener('click', (event) => event.target.closest('[role=menuitem]') && toggle(false));
  return { element, close: () => toggle(false) };
}
