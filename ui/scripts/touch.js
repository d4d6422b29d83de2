// Two fingers move and zoom the view, whatever tool is in hand; the first finger's stroke is taken back.

/** Follows the fingers on a pane. `begins()` is called when the second comes, and says whether we lead the pinch. */
export class Fingers {
  constructor(pane) {
    this.pane = pane;
    this.down = new Map(); // pointer id -> [x, y] on the screen
    this.leading = false;
  }

  get count() {
    return this.down.size;
  }

  press(event) {
    if (event.pointerType === 'touch') this.down.set(event.pointerId, [event.clientX, event.clientY]);
  }

  /** True while the pinch is ours: the event says nothing to anybody else. */
  move(event) {
    if (!this.down.has(event.pointerId)) return false;
    const before = this.measure();
    this.down.set(event.pointerId, [event.clientX, event.clientY]);
    if (!this.leading || this.count < 2) return this.leading;
    this.apply(before, this.measure());
    return true;
  }

  release(event) {
    const known = this.down.delete(event.pointerId);
    const led = known && this.leading;
    if (!this.count) this.leading = false;
    return led;
  }

  measure() {
    const [a, b] = [...this.down.values()];
    if (!b) return null;
    return { x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2, apart: Math.max(8, Math.hypot(a[0] - b[0], a[1] - b[1])) };
  }

  apply(before, after) {
    if (!before || !after) return;
    const { pane } = this;
    const { viewport } = pane.viewer;
    const at = (x, y) => new OpenSeadragon.Point(...pane.toWorld({ clientX: x, clientY: y }).map((value) => value / pane.world));
    const [from, to] = [at(before.x, before.y), at(after.x, after.y)];
    pane.fitted = null;
    viewport.panBy(from.minus(to), true);
    viewport.zoomBy(after.apart / before.apart, at(after.x, after.y), true);
    viewport.applyConstraints(true);
  }
}
