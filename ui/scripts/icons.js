// Line icons, 20 × 20, drawn for this page.

const PATHS = {
  pan: '<path d="M6.5 10.5V6a1.3 1.3 0 0 1 2.6 0v3.5V4.2a1.3 1.3 0 0 1 2.6 0v5.3V5.3a1.3 1.3 0 0 1 2.6 0v6.2c0 3.3-1.9 5.3-4.8 5.3-2.2 0-3.3-.9-4.4-2.8L3.4 11c-.5-1.1.9-2.1 1.8-1.2z"/>',
  region: '<path d="M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4"/><path d="M7 8.5h6M7 11.5h6M8.5 7v6M11.5 7v6" stroke-width="1"/>',
  brush: '<path d="M16.6 3.4c-.9-.9-2-.5-2.8.3L8.2 9.9l2 2 6-5.7c.9-.8 1.3-1.9.4-2.8z"/><path d="M7.6 10.6c-1.9-.2-3.2 1-3.5 2.9-.2 1.3-.7 2.1-1.6 2.7 2.7 1 6.6.3 7-3.2"/>',
  rectangle: '<rect x="3" y="4.5" width="14" height="11" rx="1" stroke-dasharray="2.6 1.9"/><rect x="6.2" y="7.6" width="7.6" height="4.8" fill="currentColor" stroke="none"/>',
  fill: '<path d="M8.5 3.2l6.6 6.6-5.2 5.2a1.6 1.6 0 0 1-2.3 0l-4.2-4.2a1.6 1.6 0 0 1 0-2.3z"/><path d="M3.6 9.6h11.2"/><path d="M16.6 12.4s1.4 1.8 1.4 2.7a1.4 1.4 0 0 1-2.8 0c0-.9 1.4-2.7 1.4-2.7z"/>',
  pick: '<path d="M11.6 5.6l2.8 2.8M12.9 3.9a1.8 1.8 0 0 1 2.6 0l.6.6a1.8 1.8 0 0 1 0 2.6l-1.7 1.7-3.2-3.2zM11.2 7.2l-6 6L4 16l2.8-1.2 6-6"/>',
  erase: '<path d="M11.7 3.8l4.5 4.5a1.3 1.3 0 0 1 0 1.9L11 15.4H7.6l-3.8-3.8a1.3 1.3 0 0 1 0-1.9l5.9-5.9a1.4 1.4 0 0 1 2 0z"/><path d="M7 6.8l6.2 6.3M10 16.6h7"/>',
  undo: '<path d="M7.5 4L4 7.5 7.5 11"/><path d="M4.2 7.5H12a4.2 4.2 0 0 1 0 8.5H8"/>',
  redo: '<path d="M12.5 4L16 7.5 12.5 11"/><path d="M15.8 7.5H8a4.2 4.2 0 0 0 0 8.5h4"/>',
  grid: '<rect x="3.2" y="3.2" width="13.6" height="13.6" rx="1.5"/><path d="M3.2 7.8h13.6M3.2 12.3h13.6M7.8 3.2v13.6M12.3 3.2v13.6"/>',
  open: '<path d="M2.8 15.2V5.4c0-.6.5-1.1 1.1-1.1h3.6l1.8 2h5.6c.6 0 1.1.5 1.1 1.1v1.1"/><path d="M2.8 15.6l2.3-6.2c.1-.4.5-.7 1-.7h10.4c.7 0 1.2.7 1 1.4l-1.7 4.8c-.1.5-.5.8-1 .8H2.8z"/>',
  help: '<circle cx="10" cy="10" r="7.2"/><path d="M7.9 7.8c.2-1.2 1.1-1.9 2.2-1.9 1.2 0 2.1.8 2.1 1.9 0 1.5-2.1 1.7-2.1 3.3"/><path d="M10.1 13.7v.3"/>',
  theme: '<circle cx="10" cy="10" r="7"/><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor"/>',
  fit: '<path d="M3.5 7V3.5H7M13 3.5h3.5V7M16.5 13v3.5H13M7 16.5H3.5V13"/>',
  both: '<rect x="2.8" y="4" width="14.4" height="12" rx="1.2"/><path d="M10 4v12"/>',
  one: '<rect x="2.8" y="4" width="14.4" height="12" rx="1.2"/><path d="M2.8 4h8v12h-8z" fill="currentColor" stroke="none" opacity=".55"/>',
  other: '<rect x="2.8" y="4" width="14.4" height="12" rx="1.2"/><path d="M9.2 4h8v12h-8z" fill="currentColor" stroke="none" opacity=".55"/>',
  curtain: '<path d="M10 3v14"/><path d="M6.5 7.5L4 10l2.5 2.5M13.5 7.5L16 10l-2.5 2.5"/>',
  blink: '<rect x="2.8" y="3.4" width="10.4" height="9.4" rx="1.2"/><path d="M15.4 7.2h.6c.7 0 1.2.5 1.2 1.2V15.4c0 .7-.5 1.2-1.2 1.2H8c-.7 0-1.2-.5-1.2-1.2v-.4"/>',
  more: '<path d="M4.5 10v.1M10 10v.1M15.5 10v.1" stroke-width="2.4"/>',
  settings: '<path d="M3 6h7.5M14.5 6H17M3 14h2.5M9.5 14H17"/><circle cx="12.5" cy="6" r="2"/><circle cx="7.5" cy="14" r="2"/>',
  download: '<path d="M10 3v9M6.5 8.8L10 12.3l3.5-3.5M3.5 16.5h13"/>',
  close: '<path d="M5 5l10 10M15 5L5 15"/>',
  upload: '<path d="M10 13V4M6.5 7.3L10 3.8l3.5 3.5M3.5 12.5v3.2c0 .5.4.8.8.8h11.4c.4 0 .8-.3.8-.8v-3.2"/>',
  canvas: '<rect x="3" y="3.5" width="14" height="13" rx="1.2"/><path d="M6.5 10h7M10 6.5v7"/>',
  warning: '<path d="M10 3.4l7.2 12.8H2.8z"/><path d="M10 8.2v3.9M10 14v.2"/>',
  lock: '<path d="M6.5 9V6.5a3.5 3.5 0 0 1 7 0V9"/><rect x="4.5" y="9" width="11" height="7.5" rx="1.3"/>',
  lasso: '<path d="M10 3.6c4 0 7 2 7 4.7s-3 4.7-7 4.7c-1 0-2-.1-2.9-.4C4.6 11.8 3 10.2 3 8.3 3 5.6 6 3.6 10 3.600z" stroke-dasharray="2.6 1.7"/><circle cx="6" cy="13.4" r="1.7"/><path d="M5.6 15.100c0 1-.4 1.7-1.3 2.2"/>',
  trash: '<path d="M4 5.500h12M8 5.500V3.800h4v1.700M5.5 5.500l.7 10.700h7.600l.7-10.700M8.5 8.500v5M11.5 8.500v5"/>',
  more: '<circle cx="4.5" cy="10" r="1.1" fill="currentColor"/><circle cx="10" cy="10" r="1.1" fill="currentColor"/><circle cx="15.5" cy="10" r="1.1" fill="currentColor"/>',
  tiles: '<rect x="3" y="3" width="6" height="6" rx="1"/><rect x="11" y="3" width="6" height="6" rx="1"/><rect x="3" y="11" width="6" height="6" rx="1"/><rect x="11" y="11" width="6" height="6" rx="1"/>',
  check: '<path d="M4 10.500l4 4 8-9"/>',
  star: '<path d="M10 3l2.200 4.600 5 .7-3.600 3.500.9 5-4.500-2.400-4.500 2.400.9-5L2.800 8.300l5-.7z"/>',
  up: '<path d="M10 16V4M5 9l5-5 5 5"/>',
  down: '<path d="M10 4v12M5 11l5 5 5-5"/>',
  search: '<circle cx="8.8" cy="8.8" r="5.3"/><path d="M12.8 12.8l4 4"/>',
};

export function icon(name, size = 18) {
  return `<svg width="${size}" height="${size}" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${PATHS[name]}</svg>`;
}
