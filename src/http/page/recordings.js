// The recordings of channels: what there is, downloads, and removing.

import { ErrorCode } from './codes.js';
import { Dialog } from './dialog.js';
import { h } from './dom.js';
import { Rows, arrange, mark, write } from './keep.js';
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

  /** @param {number} id Of the recording. @param {string} file */
  const fileRow = (id, file) => {
    const speaker = h('span');
    const bytes = h('span', { class: 'hint' });
    const progress = h('progress', { max: 1, '.value': 0, hidden: true, 'aria-label': t('downloading', { file }) });
    let name = file;
    const download = dialog.button(t('download'), async () => {
      progress.hidden = false;
      try {
        const blob = await fetched(session, id, file, (share) => { progress.value = share; });
        const address = URL.createObjectURL(blob);
        h('a', { href: address, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(address), 60_000);
      } finally {
        progress.hidden = true;
      }
      return t('downloaded', { file: name });
    });
    return {
      element: h('li', {}, speaker, bytes, progress, download),
      draw: (/** @type {{recording: Recording, file: RecordingFile}} */ now) => {
        name = `${now.recording.channelPath.replaceAll('/', '-')} ${file}`;
        write(speaker, now.file.speaker || file);
        write(bytes, size(now.file.bytes));
        mark(download, 'aria-label', t('downloadFile', { file: now.file.speaker || file }));
      },
    };
  };

  const rows = new Rows((/** @type {number} */ id) => {
    const title = h('strong');
    const hint = h('div', { class: 'hint' });
    const remove = dialog.button(t('remove'), async () => {
      await session.request('removeRecording', { id });
      await draw();
    });
    const files = h('ul', { class: 'files' });
    const fileRows = new Rows((/** @type {string} */ file) => fileRow(id, file));
    return {
      element: h('li', {}, h('div', { class: 'row' }, h('div', {}, title, hint), remove), files),
      draw: (/** @type {Recording} */ recording) => {
        const runs = recording.endedMs === 0;
        write(title, `${recording.channelPath}, ${when(recording.startedMs)}`);
        write(hint, [t('recordingBy', { name: recording.by }), runs ? t('recordingRuns') : length(recording.endedMs - recording.startedMs)].join(' · '));
        remove.hidden = runs;
        mark(remove, 'aria-label', t('removeRecording', { recording: title.textContent }));
        arrange(files, fileRows.draw(recording.files.map((file) => [file.name, { recording, file }])));
      },
    };
  });
  const nothing = h('li', { class: 'hint' }, t('recordingsNone'));
  const draw = async () => {
    const { recordings: all, used, quota } = await session.request('listRecordings', {});
    write(room, t('recordingsRoom', { used: size(used), quota: size(quota) }));
    arrange(list, [all.length === 0 && nothing, ...rows.draw(all.map((recording) => [recording.id, recording]))]);
  };
  dialog.show(h('p', { class: 'lead' }, t('recordingsLead')), room, list);
  await dialog.act(draw);
}
