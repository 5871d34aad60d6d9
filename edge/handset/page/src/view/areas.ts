// Outlines of the city (GeoJSON Polygons and MultiPolygons) for the map; whatever else the file holds is left out.

import type { LatLon } from "./projection";

const RINGS_MAX = 500;
const POINTS_MAX = 50_000;

export interface Ring {
  name: string;
  points: LatLon[];
}

interface Feature {
  properties?: { name?: unknown } | null;
  geometry?: { type?: unknown; coordinates?: unknown } | null;
}

/** Outer rings with their names; none when it is no GeoJSON FeatureCollection. */
export function rings(given: unknown): Ring[] {
  const features = (given as { features?: unknown } | null)?.features;
  if (!Array.isArray(features)) return [];
  const found = (features as Feature[]).flatMap(ofFeature).slice(0, RINGS_MAX);
  let left = POINTS_MAX;
  return found.filter((ring) => (left -= ring.points.length) >= 0);
}

function ofFeature({ properties, geometry }: Feature): Ring[] {
  const name = typeof properties?.name === "string" ? properties.name : "";
  const { type, coordinates } = geometry ?? {};
  if (!Array.isArray(coordinates)) return [];
  const polygons: unknown[] = type === "Polygon" ? [coordinates] : type === "MultiPolygon" ? coordinates : [];
  return polygons.flatMap((polygon) => {
    const points = Array.isArray(polygon) && Array.isArray(polygon[0]) ? polygon[0].flatMap(ofPoint) : [];
    return points.length > 2 ? [{ name, points }] : [];
  });
}

function ofPoint(pair: unknown): LatLon[] {
  if (!Array.isArray(pair)) return [];
  const [lon, lat] = pair as unknown[];
  return typeof lat === "number" && typeof lon === "number" ? [{ lat, lon }] : [];
}
