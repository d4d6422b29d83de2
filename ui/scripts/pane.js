// One deep-zoom viewer with an overlay canvas. Positions are level-0 pixels of the document's world, whose width is 1 for the viewer.

import { h } from './format.js';
import { url } from './store.js';

const TILE = 256;
const BLANK = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';

function tileSource(sceneId, version, width, height) {
  const maxLevel = Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / TILE)));
  return {
    width, height, tileSize: TILE, tileOverlap: 0, minLevel: 0, maxLevel,
    getTileUrl: (z, x, y) => url(`tiles/${sceneId}/${version}/${z}/${x}_${y}.jpg`),
  };
}

let library = null;

/** Run the viewer's library, once. A pane made before it is there would leave the page empty, so whoever makes panes waits for it. */
export function loadOpenSeadragon() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url('vendor/openseadragon/openseadragon.min.js');
    script.addEventListener('load', resolve);
    script.addEventListener('error', () => reject(new Error('OpenSeadragon did not load')));
    document.head.append(script);
  });
  return library;
}

export class Pane {
  /** @param {HTMLElement} host  @param {{name: string, minimap: boolean, draw: (context, pane) => void}} options */
  constructor(host, { name, minimap, draw }) {
    this.host = host;
    this.name = name;
    this.draw = draw;
    this.items = new Map(); // what ('scene' | 'result') -> {key, item}
    this.preview = null; // {image, box}
    this.world = 1; // level-0 pixels across the document's world
    this.canvas = h('canvas.sd-overlay', { 'aria-hidden': 'true' });
    this.surface = h('div.sd-surface');
    host.append(this.surface);
    this.viewer = OpenSeadragon({
      element: this.surface, prefixUrl: '', drawer: 'canvas', showNavigationControl: false, showNavigator: minimap,
      navigatorPosition: 'BOTTOM_RIGHT', navigatorSizeRatio: 0.17, navigatorMaintainSizeRatio: false, navigatorAutoFade: false,
      animationTime: 0.25, springStiffness: 9, zoomPerScroll: 1.25, visibilityRatio: 0.15, minZoomImageRatio: 0.4, maxZoomPixelRatio: 12,
      imageLoaderLimit: 6, maxImageCacheCount: 400, placeholderFillStyle: null, immediateRender: true, blendTime: 0,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: false }, gestureSettingsTouch: { pinchRotate: false, dblClickToZoom: false },
      gestureSettingsPen: { clickToZoom: false, dblClickToZoom: false }, preserveImageSizeOnResize: false, preserveViewport: true,
    });
    this.viewer.canvas.append(this.canvas); // below the minimap, above the image
    this.viewer.addHandler('canvas-key', (event) => { event.preventDefaultAction = !event.originalEvent.key.startsWith('Arrow'); });
    this.viewer.canvas.setAttribute('aria-label', `${name}: arrow keys move, + and − zoom`);
    for (const name of ['canvas-drag', 'canvas-scroll', 'canvas-pinch']) this.viewer.addHandler(name, () => { this.fitted = null; });
    this.viewer.addHandler('viewport-change', () => this.keepFitted());
    for (const name of ['update-viewport', 'resize', 'open']) this.viewer.addHandler(name, () => this.redraw());
    new ResizeObserver(() => {
      this.resized = true;
      if (!host.clientWidth) this.hidden = true;
      this.redraw();
    }).observe(host);
  }

  /** Show a scene or a result, in place of what was shown under the same name, without a moment of emptiness. */
  show(what, image) {
    const old = this.items.get(what);
    const key = image ? `${image.id}/${image.version}` : null;
    if (old?.key === key) return Promise.resolve();
    if (!image) {
      this.items.delete(what);
      if (old?.item) this.viewer.world.removeItem(old.item);
      this.redraw();
      return Promise.resolve();
    }
    const entry = { key, item: null, place: { x: image.x, y: image.y, width: image.span, height: (image.span * image.height) / image.width } };
    this.items.set(what, entry);
    return new Promise((resolve) => {
      this.viewer.addTiledImage({
        tileSource: tileSource(image.id, image.version, image.width, image.height),
        x: image.x / this.world, y: image.y / this.world, width: image.span / this.world,
        success: ({ item }) => {
          entry.item = item;
          if (this.items.get(what) !== entry) this.viewer.world.removeItem(item);
          whenLoaded(item, () => {
            if (old?.item && this.viewer.world.getIndexOfItem(old.item) >= 0) this.viewer.world.removeItem(old.item);
            resolve();
          });
        },
        error: () => resolve(),
      });
    });
  }

  /** Take everything away: another document comes, or a larger canvas, whose world is this box of level-0 pixels. */
  clear({ x, y, width, height }) {
    this.world = width;
    this.viewer.world.removeAll();
    this.items.clear();
    this.preview = null;
    // a viewer without any image neither moves nor resizes: an invisible one lies at the bottom
    this.viewer.addTiledImage({
      tileSource: { width, height, tileSize: Math.max(width, height), minLevel: 0, maxLevel: 0, getTileUrl: () => BLANK },
      x: x / width, y: y / width, width: 1, index: 0, success: () => { this.resized = true; },
    });
    this.redraw();
  }

  /** A small picture stretched over a box of level-0 pixels, drawn over the image; null takes it away. */
  setPreview(image, box) {
    this.preview = image ? { image, box } : null;
    this.redraw();
  }

  /** After a resize: what was fitted, and not moved since, is fitted again. */
  keepFitted() {
    if (!this.resized || this.viewer.viewport.getContainerSize().x !== this.host.clientWidth) return;
    this.resized = false;
    if (this.fitted) this.fit(this.fitted, true);
  }

  fit(target, immediately = false) {
    this.fitted = target;
    const { x, y, width, height } = target;
    const margin = 0.04 * Math.max(width, height);
    const scale = 1 / this.world;
    const box = new OpenSeadragon.Rect((x - margin) * scale, (y - margin) * scale, (width + 2 * margin) * scale, (height + 2 * margin) * scale);
    this.viewer.viewport.fitBounds(box, immediately);
  }

  zoomBy(factor) {
    this.fitted = null;
    this.viewer.viewport.zoomBy(factor);
    this.viewer.viewport.applyConstraints();
  }

  /** Screen pixels along one level-0 pixel. */
  get scale() {
    return this.host.clientWidth * this.viewer.viewport.getZoom(true) / this.world;
  }

  /** Where the result, or its preview, lies in the pane; null where there is none. */
  drawnBox() {
    const place = this.preview?.box ?? this.items.get('result')?.place;
    if (!place) return null;
    const [left, top] = this.toScreen(place.x, place.y);
    return { left, top, width: place.width * this.scale, height: place.height * this.scale };
  }

  toScreen(x, y) {
    const bounds = this.viewer.viewport.getBoundsNoRotate(true);
    const factor = this.host.clientWidth / bounds.width;
    return [(x / this.world - bounds.x) * factor, (y / this.world - bounds.y) * factor];
  }

  /** Level-0 position of a pointer event. */
  toWorld(event) {
    const frame = this.host.getBoundingClientRect();
    const bounds = this.viewer.viewport.getBoundsNoRotate(true);
    const factor = bounds.width / frame.width;
    return [(bounds.x + (event.clientX - frame.left) * factor) * this.world, (bounds.y + (event.clientY - frame.top) * factor) * this.world];
  }

  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const context = this.canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (this.preview) {
      const { image, box } = this.preview;
      const [x, y] = this.toScreen(box.x, box.y);
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = 'high';
      context.drawImage(image, x, y, box.width * this.scale, box.height * this.scale);
    }
    this.draw(context, this);
  }
}

function whenLoaded(item, done) {
  if (item.getFullyLoaded()) done();
  else item.addOnceHandler('fully-loaded-change', done);
}

/** Panes move together; all have the same size, so zoom and centre say all. One that was hidden takes up the others' view. */
export function synchronise(panes) {
  let leading = false;
  const place = ({ viewer: { viewport } }) => [viewport.getZoom(true), viewport.getCenter(true).x, viewport.getCenter(true).y];
  const follow = (pane, { viewer: { viewport }, fitted }) => {
    pane.fitted = fitted;
    pane.viewer.viewport.zoomTo(viewport.getZoom(true), null, true);
    pane.viewer.viewport.panTo(viewport.getCenter(true), true);
    pane.followed = place(pane);
  };
  // a pane that was moved says so a frame later; leading then would stop the other's movement
  const isEcho = (pane) => pane.followed?.every((value, i) => Math.abs(value - place(pane)[i]) < 1e-9);
  for (const pane of panes) {
    pane.viewer.addHandler('viewport-change', () => {
      if (leading || !pane.host.clientWidth || (isEcho(pane) && !pane.hidden)) return;
      leading = true;
      const others = panes.filter((other) => other !== pane && other.host.clientWidth);
      const model = pane.hidden && others.find((other) => !other.hidden);
      pane.hidden = false;
      if (model) follow(pane, model);
      else for (const other of others) follow(other, pane);
      leading = false;
    });
  }
}
