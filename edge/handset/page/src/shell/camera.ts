// A photo from the camera: scaled down and drawn anew, so that nothing of EXIF (place, serial number) is left in it.

import type { Photo } from "../core/work";
import type { PhotoKind } from "../core/messages";
import { sha256 } from "./bytes";

export const EDGE_PX_MAX = 1600;
const QUALITY = 0.82;

/** The file is no picture that this phone can read. */
export class NotAPicture extends Error {}

/** JPEG of at most EDGE_PX_MAX, upright. Throws NotAPicture. */
export async function photo(file: Blob, kind: PhotoKind): Promise<Photo> {
  const bitmap = await decoded(file);
  const scale = Math.min(1, EDGE_PX_MAX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (!blob) throw new NotAPicture("the picture could not be written as JPEG");
  const data = await blob.arrayBuffer();
  return { sha256: await sha256(data), data, kind };
}

async function decoded(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch (error) {
    throw new NotAPicture(String(error));
  }
}
