// The options bar while the lasso, or a copied block, is in hand.

import { grid } from './store.js';
import { h } from './format.js';
import { icon } from './icons.js';
import { beginPaste, copied, copySelection, endPaste } from './clipboard.js';
import { lasso, setBox } from './lasso.js';
import { deselect, describeSelection, eraseOutline, eraseSelection, fillOutline, fillSelection, lassoOutline, makeSwatch, selectedCells, varySelection } from './selection.js';

const button = (text, action, title, disabled = false) => h('button', { type: 'button', title, disabled, onclick: action }, text);

export function lassoOptions() {
  const shape = h('div.sd-segments', { role: 'radiogroup', 'aria-label': 'Shape of the selection' });
  for (const [box, text] of [[false, 'Free'], [true, 'Box']]) shape.append(h('button', { type: 'button', role: 'radio', 'aria-checked': String(lasso.box === box), onclick: () => setBox(box) }, text));
  const some = selectedCells().size > 0;
  const outline = lassoOutline() && [button('Fill outline', fillOutline, 'Paint the area as it was drawn: its outline stays, through cells'), button('Erase outline', eraseOutline, 'Leave the area as it was drawn to the model')];
  const paste = button('Paste', beginPaste, 'Ctrl+V', !copied() || !grid());
  if (!some) return [shape, ...(outline || [h('span.sd-hint-text', {}, 'Draw around cells. Shift adds, Alt takes away.')]), paste];
  return [
    shape, h('strong', {}, describeSelection()), button('Make swatch', makeSwatch, 'A swatch of these cells'), button('Fill', fillSelection, 'Paint them with the swatch in hand'), ...(outline || []),
    button('Vary', varySelection, 'Replace each by a relative of it'), button('Copy', () => copySelection(), 'Ctrl+C'), paste, button('Erase', eraseSelection, 'Delete'), h('button.sd-icon', { type: 'button', 'aria-label': 'Deselect', title: 'Deselect (Ctrl+D or Esc)', html: icon('close', 14), onclick: deselect }),
  ];
}

export const pasteOptions = () => [h('span.sd-hint-text', {}, 'Click where the copied cells shall lie, as often as you like.'), button('Done', endPaste, 'Esc')];
