// Where the phone is: watched while the crew is on shift, asked for nowhere else.

import type { Point } from "../core/messages";

const FRESH_MS = 60_000;
const EVERY_MS = 10_000;

export class Place {
  private watch: number | null = null;
  private last: Point | null = null;
  private toldAt = 0;

  /** `moved`: at most every EVERY_MS. */
  constructor(private readonly moved: (point: Point) => void) {}

  start(): void {
    if (this.watch !== null || !navigator.geolocation) return;
    const options = { enableHighAccuracy: true, maximumAge: 10_000, timeout: 30_000 };
    // Without a position the work goes on: operations then carry none.
    this.watch = navigator.geolocation.watchPosition((found) => this.found(found), () => undefined, options);
  }

  stop(): void {
    if (this.watch !== null) navigator.geolocation.clearWatch(this.watch);
    this.watch = null;
    this.last = null;
  }

  /** The last position, when it is not older than a minute. */
  get now(): Point | null {
    return this.last && Date.now() - Date.parse(this.last.at) < FRESH_MS ? this.last : null;
  }

  private found({ coords, timestamp }: GeolocationPosition): void {
    const accuracy_m = Number.isFinite(coords.accuracy) ? Math.max(0, coords.accuracy) : null;
    this.last = { at: new Date(timestamp).toISOString(), lat: coords.latitude, lon: coords.longitude, accuracy_m };
    if (timestamp - this.toldAt < EVERY_MS) return;
    this.toldAt = timestamp;
    this.moved(this.last);
  }
}
