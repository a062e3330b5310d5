// A picture made small enough to be sent: the middle of what somebody chose, as a square.

import { Bound } from './bounds.js';
import { Problem } from './refusal.js';
import { t } from './text.js';

/** Pixels of a side, and how good it is: the first that is small enough is taken. @type {[number, number][]} */
const TRIES = [[512, 0.9], [512, 0.75], [384, 0.75], [256, 0.75], [192, 0.6], [128, 0.5]];

/** @param {HTMLCanvasElement} canvas @param {string} type @param {number} quality @returns {Promise<Blob | null>} */
const written = (canvas, type, quality) => new Promise((resolve) => canvas.toBlob(resolve, type, quality));

/** @param {Blob} file @returns {Promise<Uint8Array>} */
export async function portrait(file) {
  const image = await createImageBitmap(file).catch(() => {
    throw new Problem(t('pictureUnreadable'));
  });
  const side = Math.min(image.width, image.height);
  for (const [most, quality] of TRIES) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = Math.min(side, most);
    const context = canvas.getContext('2d');
    if (context) context.imageSmoothingQuality = 'high';
    context?.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
    let blob = await written(canvas, 'image/webp', quality);
    // A browser that doesn't write this kind writes a large one in its place.
    if (blob?.type !== 'image/webp') blob = await written(canvas, 'image/jpeg', quality);
    if (blob && blob.size <= Bound.maxPictureSent) return new Uint8Array(await blob.arrayBuffer());
  }
  throw new Problem(t('pictureUnreadable'));
}
