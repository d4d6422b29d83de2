// Numbers and pictures for people, and small tools to build elements.

const UNITS = [[1e3, 'km'], [1, 'm'], [1e-2, 'cm'], [1e-3, 'mm'], [1e-6, 'µm']];

/** The unit that people use at this length: micrometres under the microscope, centimetres only below a metre. */
function unitOf(metres) {
  return UNITS.find(([factor, unit]) => metres >= factor * (unit === 'cm' ? 5 : 1) * 0.9995) ?? UNITS.at(-1);
}

export function formatLength(metres) {
  if (!(metres > 0)) return '–';
  const [factor, unit] = unitOf(metres);
  return `${round3(metres / factor)} ${unit}`;
}

/** Two lengths in one unit: "512 × 256 µm". */
export function formatArea(width, height) {
  const [factor, unit] = unitOf(Math.max(width, height));
  return `${round3(width / factor)} × ${round3(height / factor)} ${unit}`;
}

export const round3 = (value) => String(Number(value.toPrecision(3)));
export const whole = (value) => Math.round(value).toLocaleString('en-GB').replace(/,/g, '\u2009');

export function formatSeconds(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '';
  if (seconds < 1) return 'under 1 s';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`;
}

export function formatBytes(bytes) {
  for (const [factor, unit] of [[2 ** 30, 'GB'], [2 ** 20, 'MB'], [2 ** 10, 'kB']]) if (bytes >= factor) return `${round3(bytes / factor)} ${unit}`;
  return `${bytes} B`;
}

/** How long ago, roughly. */
export function formatAge(epoch) {
  const minutes = (Date.now() / 1000 - epoch) / 60;
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  if (minutes < 60 * 24) return `${Math.floor(minutes / 60)} h ago`;
  return new Date(epoch * 1000).toLocaleDateString();
}

/** An element: h('button.primary', {title: 'x', onclick: f}, 'text', child). */
export function h(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'html') element.innerHTML = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function decode(base64, Type) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Type(bytes.buffer);
}

/** [r, g, b] of "#rrggbb". */
export const rgb = (colour) => [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));

/** Black or white, whichever reads better on a colour. */
export function inkOn(colour) {
  const [r, g, b] = rgb(colour).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000000' : '#ffffff';
}
