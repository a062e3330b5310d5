// What one shows of oneself, to be changed: a part of the dialog of one's account.

import { Bound } from './bounds.js';
import { ErrorCode } from './codes.js';
import { area, field } from './dialog.js';
import { h } from './dom.js';
import { arrange } from './keep.js';
import { characters } from './limit.js';
import { portrait } from './portrait.js';
import { picture } from './profiles.js';
import { Problem, isRefusal } from './refusal.js';
import { t } from './text.js';

/** @typedef {import('./messages.js').Profile} Profile */

/**
 * @param {import('./session.js').Session} session
 * @param {(work: () => Promise<string | void>) => Promise<void>} act Does something, and says what came of it.
 */
export function profile(session, act) {
  const name = field(t('shownName', { name: session.me?.name ?? '' }), { ...characters(Bound.maxUserName), autocomplete: 'nickname' });
  const about = area(t('aboutYou'), characters(Bound.maxAbout));
  const portrayed = h('div', { class: 'portrayed' });
  const chosen = field(t('pictureChoose'), {
    type: 'file', accept: 'image/png,image/jpeg,image/webp,image/gif',
    onchange: () => act(async () => {
      const file = chosen.input.files?.[0];
      if (!file) return;
      try {
        draw(await session.request('setPicture', { picture: await portrait(file) }));
      } finally {
        chosen.input.value = '';
      }
    }),
  });
  const remove = h('button', {
    type: 'button', onclick: () => act(async () => draw(await session.request('setPicture', { picture: new Uint8Array() }))),
  }, t('pictureRemove'));
  /** @type {string | undefined} */
  let shown;
  const draw = (/** @type {Profile} */ now) => {
    const image = shown === now.picture ? portrayed.querySelector('img') : picture(now, 96, now.name);
    shown = now.picture;
    arrange(portrayed, [image, chosen.element]);
    remove.hidden = !now.picture;
  };
  const form = h('form', {
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      act(async () => {
        try {
          fill(await session.request('setProfile', { displayName: name.input.value.trim(), about: about.input.value.trim() }));
        } catch (error) {
          throw isRefusal(error, ErrorCode.nameTaken) ? new Problem(t('shownNameTaken')) : error;
        }
        return t('saved');
      });
    },
  }, name.element, about.element, h('button', { type: 'submit' }, t('save')));
  const fill = (/** @type {Profile} */ now) => {
    name.input.value = now.displayName;
    about.input.value = now.about;
  };
  return {
    element: h('fieldset', { class: 'profile' }, h('legend', {}, t('profile')), form, portrayed, remove),
    show: async () => {
      const now = await session.request('getProfile', {});
      fill(now);
      draw(now);
    },
  };
}
