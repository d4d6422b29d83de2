// Longitude and latitude of a place in a georeferenced scene, from a lattice of known places that the server gives once.

import { ask, on, scene } from './store.js';

let known = null; // {id, lattice}

on('document', async () => {
  const facts = scene();
  if (!facts?.version || known?.id === facts.id) return;
  known = { id: facts.id, lattice: null };
  const answer = await ask(`scenes/${facts.id}/${facts.version}/places`).catch(() => null);
  if (known.id === facts.id) known.lattice = answer?.lon ? answer : null;
});

/** {lon, lat} in degrees, or null where the scene does not say where it lies. */
export function placeOf(x, y) {
  const lattice = known?.id === scene()?.id ? known?.lattice : null;
  if (!lattice) return null;
  const [width, height] = scene().size_l0;
  if (x < 0 || y < 0 || x > width || y > height) return null;
  const last = lattice.n - 1;
  const [u, v] = [(x / width) * last, (y / height) * last];
  const [col, row] = [Math.min(last - 1, Math.floor(u)), Math.min(last - 1, Math.floor(v))];
  const mix = (values) => {
    const at = (r, c) => values[r * lattice.n + c];
    const upper = at(row, col) + (at(row, col + 1) - at(row, col)) * (u - col);
    const lower = at(row + 1, col) + (at(row + 1, col + 1) - at(row + 1, col)) * (u - col);
    return upper + (lower - upper) * (v - row);
  };
  return { lon: mix(lattice.lon), lat: mix(lattice.lat) };
}

/** "0.31234° N, 32.58123° E" */
export function formatPlace({ lon, lat }) {
  const turned = ((lon + 540) % 360) - 180;
  return `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? 'S' : 'N'}, ${Math.abs(turned).toFixed(5)}° ${turned < 0 ? 'W' : 'E'}`;
}
