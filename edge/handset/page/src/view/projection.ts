// Places on a plane of metres, good to a metre within a city, and the part of it that a picture shows. Pure.

const METRES_PER_DEG = 111_320;
const SPAN_M_MIN = 400;

export interface LatLon {
  lat: number;
  lon: number;
}

/** The middle in degrees, and how many metres one pixel is. */
export interface Part {
  lat: number;
  lon: number;
  m_per_px: number;
}

/** The smallest part that shows all places with a margin; null for none. */
export function fit(places: readonly LatLon[], width: number, height: number, margin_px: number): Part | null {
  if (!places.length) return null;
  const [lats, lons] = [places.map((p) => p.lat), places.map((p) => p.lon)];
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)];
  const lat = (south + north) / 2;
  const tall_m = Math.max(SPAN_M_MIN, (north - south) * METRES_PER_DEG);
  const wide_m = Math.max(SPAN_M_MIN, (east - west) * metresEast(lat));
  const room = (px: number): number => Math.max(40, px - 2 * margin_px);
  return { lat, lon: (west + east) / 2, m_per_px: Math.max(tall_m / room(height), wide_m / room(width)) };
}

/** Pixels from the top left. */
export function toPx(place: LatLon, part: Part, width: number, height: number): [number, number] {
  const x = ((place.lon - part.lon) * metresEast(part.lat)) / part.m_per_px;
  const y = ((part.lat - place.lat) * METRES_PER_DEG) / part.m_per_px;
  return [width / 2 + x, height / 2 + y];
}

/** The part after the picture was dragged by so many pixels. */
export function moved(part: Part, dx: number, dy: number): Part {
  const lon = part.lon - (dx * part.m_per_px) / metresEast(part.lat);
  return { ...part, lon, lat: part.lat + (dy * part.m_per_px) / METRES_PER_DEG };
}

/** Closer (factor over 1) or further, within what makes sense in a city. */
export function zoomed(part: Part, factor: number): Part {
  return { ...part, m_per_px: Math.min(200, Math.max(0.1, part.m_per_px / factor)) };
}

/** A round length for the scale bar, at most `px_max` wide: metres and pixels. */
export function scale(part: Part, px_max: number): { metres: number; px: number } {
  const most = px_max * part.m_per_px;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = ([5, 2, 1].find((n) => n * power <= most) ?? 1) * power;
  return { metres, px: metres / part.m_per_px };
}

/** Metres. */
export function distance(a: LatLon, b: LatLon): number {
  return Math.hypot((a.lon - b.lon) * metresEast(a.lat), (a.lat - b.lat) * METRES_PER_DEG);
}

/** "350 m", "2.4 km". */
export function length(metres: number): string {
  return metres < 1000 ? `${Math.round(metres / 10) * 10} m` : `${(metres / 1000).toFixed(1)} km`;
}

function metresEast(lat: number): number {
  return METRES_PER_DEG * Math.cos((lat * Math.PI) / 180);
}
