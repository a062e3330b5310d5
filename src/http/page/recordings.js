// The recordings of channels: what there is, downloads, and removing.

import { ErrorCode } from './codes.js';
import { Dialog } from './dialog.js';
import { fill, h } from './dom.js';
import { isRefusal } from './refusal.js';
import { language, t, when } from './text.js';

/** @typedef {import('./messages.js').Recording} Recording */
/** @typedef {import('./messages.js').RecordingFile} RecordingFile */

/** @param {number} bytes */
function size(bytes) {
  const mega = bytes >= 1e6;
  return new Intl.NumberFormat(language(), { style: 'unit', unit: mega ? 'megabyte' : 'kilobyte', maximumFractionDigits: mega ? 1 : 0 }).format(bytes / (mega ? 1e6 : 1e3));
}

/** @param {number} milliseconds */
function length(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/**
 * A recording's file, part after part.
 * @param {import('./session.js').Session} session @param {number} id @param {string} file @param {(share: number) => void} progress
 */
async function fetched(session, id, file, progress) {
  const parts = [];
  let offset = 0;
  for (;;) {
    let part;
    try {
      part = await session.request('fetchRecording', { id, file, offset });
    } catch (error) {
      if (!isRefusal(error, ErrorCode.rateLimited)) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfter || 1000));
      continue;
    }
    if (part.bytes.length === 0) return new Blob(/** @type {Uint8Array<ArrayBuffer>[]} */ (parts), { type: 'audio/ogg' });
    parts.push(part.bytes);
    offset += part.bytes.length;
    progress(offset / Math.max(1, part.size));
  }
}

/** @param {import('./session.js').Session} session */
export async function recordings(session) {
  const dialog = new Dialog(t('recordings'), 'wide');
  const list = h('ul', { class: 'recordings' });
  const room = h('p', { class: 'hint' });

  /** @param {Recording} recording @param {RecordingFile} file */
  const fileRow = (recording, file) => {
    const name = `${recording.channelPath.replaceAll('/', '-')} ${file.name}`;
    const progress = h('progress', { max: 1, '.value': 0, hidden: true, 'aria-label': t('downloading', { file: file.name }) });
    return h('li', {}, h('span', {}, file.speaker || file.name), h('span', { class: 'hint' }, size(file.bytes)), progress,
      dialog.button(t('download'), async () => {
        progress.hidden = false;
        try {
          const blob = await fetched(session, recording.id, file.name, (share) => { progress.value = share; });
          const address = URL.createObjectURL(blob);
          h('a', { href: address, download: name }).click();
          setTimeout(() => URL.revokeObjectURL(address), 60_000);
        } finally {
          progress.hidden = true;
        }
        return t('downloaded', { file: name });
      }, { 'aria-label': t('downloadFile', { file: file.speaker || file.name }) }));
  };

  const draw = async () => {
    const { recordings: all, used, quota } = await session.request('listRecordings', {});
    fill(room, t('recordingsRoom', { used: size(used), quota: size(quota) }));
    fill(list, all.length === 0 && h('li', { class: 'hint' }, t('recordingsNone')), all.map((recording) => {
      const runs = recording.endedMs === 0;
      const title = `${recording.channelPath}, ${when(recording.startedMs)}`;
      return h('li', {}, h('div', { class: 'row' },
        h('div', {}, h('strong', {}, title), h('div', { class: 'hint' }, [t('recordingBy', { name: recording.by }), runs ? t('recordingRuns') : length(recording.endedMs - recording.startedMs)].join(' · '))),
        !runs && dialog.button(t('remove'), async () => {
          await session.request('removeRecording', { id: recording.id });
          await draw();
        }, { 'aria-label': t('removeRecording', { recording: title }) })),
      h('ul', { class: 'files' }, recording.files.map((file) => fileRow(recording, file))));
    }));
  };
  dialog.show(h('p', { class: 'lead' }, t('recordingsLead')), room, list);
  await dialog.act(draw);
}
