// Points on WebGL (regl-scatterplot), or on a plain canvas where the browser has no WebGL.

import { url } from './store.js';
import { h, rgb } from './format.js';

const REACH = 9; // screen pixels within which a point is under the pointer

export class Scatter {
  /** @param {{hovered: (of: number|null, x, y) => void, clicked: (of: number) => void}} handlers */
  constructor(host, handlers) {
    Object.assign(this, { host, handlers, points: new Float32Array(0), colours: [], labels: [], hover: -1 });
    this.canvas = h('canvas', { tabindex: '0', role: 'img', 'aria-label': 'Embeddings of the cells; points of like cells lie together' });
    host.append(this.canvas);
    this.camera = { scale: 1, x: 0, y: 0 };
    this.engine = null;
    this.bind();
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** (n, 3) x, y, what the point is of. */
  setPoints(points) {
    this.points = points;
    this.camera = { scale: 1, x: 0, y: 0 };
    this.start().then(() => this.draw());
  }

  colour(colours, labelOf) {
    this.colours = colours;
    this.labels = Array.from({ length: this.points.length / 3 }, (_, i) => labelOf(this.points[i * 3 + 2]));
    this.draw();
  }

  /** WebGL pays from some thousands of points; below, and without it, a canvas is as good. */
  async start() {
    if (this.engine || this.points.length / 3 < 4000 || !hasWebGL()) return;
    this.engine = 'starting';
    try {
      const { default: createScatterplot } = await import(url('vendor/regl-scatterplot/regl-scatterplot.js'));
      const canvas = h('canvas.sd-scatter-gl', { 'aria-hidden': 'true' });
      this.host.prepend(canvas);
      this.engine = createScatterplot({ canvas, width: this.host.clientWidth, height: this.host.clientHeight, pointSize: 3.5, opacity: 0.9, backgroundColor: [0, 0, 0, 0], showReticle: false, cameraIsFixed: true });
      this.canvas.classList.add('sd-scatter-over');
    } catch {
      this.engine = null;
    }
  }

  bind() {
    this.canvas.addEventListener('pointermove', (event) => {
      if (event.buttons & 1 && this.panFrom) return this.pan(event);
      const [x, y] = [event.offsetX, event.offsetY];
      this.hover = this.nearest(x, y);
      this.handlers.hovered(this.hover < 0 ? null : this.points[this.hover * 3 + 2], x, y);
      return this.draw();
    });
    this.canvas.addEventListener('pointerleave', () => {
      this.hover = -1;
      this.handlers.hovered(null, 0, 0);
      this.draw();
    });
    this.canvas.addEventListener('pointerdown', (event) => {
      this.panFrom = { x: event.offsetX, y: event.offsetY, moved: 0, camera: { ...this.camera } };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener('pointerup', (event) => {
      const point = this.nearest(event.offsetX, event.offsetY);
      if (this.panFrom && this.panFrom.moved < 4 && point >= 0) this.handlers.clicked(this.points[point * 3 + 2]);
      this.panFrom = null;
    });
    this.canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      const factor = Math.exp(-event.deltaY * 0.0015);
      const scale = Math.max(1, Math.min(40, this.camera.scale * factor));
      const [cx, cy] = [event.offsetX - this.host.clientWidth / 2, event.offsetY - this.host.clientHeight / 2];
      const ratio = scale / this.camera.scale;
      this.camera = { scale, x: cx - (cx - this.camera.x) * ratio, y: cy - (cy - this.camera.y) * ratio };
      this.draw();
    }, { passive: false });
    this.canvas.addEventListener('dblclick', () => { this.camera = { scale: 1, x: 0, y: 0 }; this.draw(); });
  }

  pan(event) {
    const [dx, dy] = [event.offsetX - this.panFrom.x, event.offsetY - this.panFrom.y];
    this.panFrom.moved = Math.max(this.panFrom.moved, Math.hypot(dx, dy));
    this.camera = { ...this.camera, x: this.panFrom.camera.x + dx, y: this.panFrom.camera.y + dy };
    this.draw();
  }

  /** Screen pixels of half the unit square's side. */
  get unit() {
    return (Math.min(this.host.clientWidth, this.host.clientHeight) / 2 - 8) * this.camera.scale;
  }

  toScreen(index) {
    const { clientWidth: width, clientHeight: height } = this.host;
    return [width / 2 + this.camera.x + this.points[index * 3] * this.unit, height / 2 + this.camera.y - this.points[index * 3 + 1] * this.unit];
  }

  nearest(x, y) {
    let [best, found] = [REACH * REACH, -1];
    for (let i = 0; i < this.points.length / 3; i += 1) {
      const [px, py] = this.toScreen(i);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < best) [best, found] = [distance, i];
    }
    return found;
  }

  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.engine?.draw) this.drawWebGL(width, height);
    else this.drawPoints(context);
    if (this.hover >= 0) this.drawHover(context);
  }

  drawPoints(context) {
    const n = this.points.length / 3;
    const radius = n > 2000 ? 2 : n > 400 ? 2.75 : 3.75;
    for (let i = 0; i < n; i += 1) {
      const [x, y] = this.toScreen(i);
      context.fillStyle = this.colours[this.labels[i]] ?? '#8a8f98';
      context.beginPath();
      context.arc(x, y, radius, 0, Math.PI * 2);
      context.fill();
    }
  }

  drawHover(context) {
    const [x, y] = this.toScreen(this.hover);
    context.beginPath();
    context.arc(x, y, 6, 0, Math.PI * 2);
    context.fillStyle = this.colours[this.labels[this.hover]] ?? '#8a8f98';
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = getComputedStyle(this.host).color;
    context.stroke();
  }

  /** Positions are handed over as they stand on the screen, so both ways of drawing share camera and picking. */
  drawWebGL(width, height) {
    const n = this.points.length / 3;
    const rows = Array.from({ length: n }, (_, i) => {
      const [x, y] = this.toScreen(i);
      return [(x / width) * 2 - 1, 1 - (y / height) * 2, Math.max(0, this.labels[i] ?? 0)];
    });
    this.engine.set({ width, height, aspectRatio: width / height, colorBy: 'valueA', pointColor: this.colours.map((colour) => [...rgb(colour).map((v) => v / 255), 1]) });
    this.engine.draw(rows, { zDataType: 'categorical' }).catch(() => {});
  }
}

function hasWebGL() {
  try {
    return Boolean(document.createElement('canvas').getContext('webgl'));
  } catch {
    return false;
  }
}
