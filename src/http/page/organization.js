// What everybody meets: the welcome, where one is put; and the ways to roles, recordings and channels at the top.

import { Bound } from './bounds.js';
import { channelForm, creating, onlyTemporary } from './channel.js';
import { Dialog, area, channelOptions, choice, field, folded } from './dialog.js';
import { h } from './dom.js';
import { bytes } from './limit.js';
import { guarded, lacking, needed } from './reason.js';
import { t } from './text.js';

const MINUTE = 60_000;

/** @param {import('./session.js').Session} session */
export async function organization(session) {
  const dialog = new Dialog(t('organization'));
  const say = (/** @type {string} */ sentence) => dialog.say(sentence);
  const now = session.organization;
  const manages = needed('editOrganization');
  const may = !lacking(session, manages);
  const channels = channelOptions(session);
  const places = /** @type {[number, string][]} */ ([[0, t('nowhere')], ...channels]);
  const welcome = area(t('welcomeText'), { ...bytes(Bound.maxText), readonly: !may, '.value': now?.welcome ?? '' });
  const first = choice(t('defaultChannel'), places, now?.defaultChannel ?? 0, { disabled: !may });
  const idle = choice(t('afkChannel'), places, now?.afkChannel ?? 0, { disabled: !may });
  const minutes = field(t('afkMinutes'), { type: 'number', min: 1, max: 1440, readonly: !may, '.value': String(Math.max(1, Math.round((now?.afkMs || 15 * MINUTE) / MINUTE))) });
  const guests = choice(t('guestsComeIn'), /** @type {[string, string][]} */ ([['yes', t('yes')], ['no', t('no')]]), now?.guests ? 'yes' : 'no', { disabled: !may });
  const ways = /** @type {[number, string][]} */ ([[3, t('registrationOpen')], [2, t('registrationInvite')], [1, t('registrationClosed')]]);
  const registration = choice(t('registrationBy'), ways, now?.registration ?? 1, { disabled: !may });
  // Only what is different is asked for: what the server allows is the server's to say.
  const entry = () => ({
    ...((guests.select.value === 'yes') === Boolean(now?.guests) ? {} : { guests: guests.select.value === 'yes' }),
    ...(Number(registration.select.value) === now?.registration ? {} : { registration: Number(registration.select.value) }),
  });
  const save = guarded(h('button', { type: 'button' }, t('save')), session, manages, () => dialog.act(async () => {
    await session.request('editOrganization', {
      ...entry(),
      welcome: welcome.input.value, defaultChannel: Number(first.select.value), afkChannel: Number(idle.select.value), afkMs: Number(minutes.input.value) * MINUTE,
    });
    return t('saved');
  }), say);

  const create = creating(session, 0);
  const instead = (/** @type {() => void} */ act) => () => {
    dialog.close();
    act();
  };
  const records = [...session.channels.values()].some((channel) => !lacking(session, needed('fetchRecording', channel.id)));
  dialog.show(
    h('div', { class: 'actions' },
      h('button', { type: 'button', onclick: instead(() => import('./roles.js').then(({ roles }) => roles(session))) }, t('roles')),
      guarded(h('button', { type: 'button' }, t('recordings')), session, records ? [] : needed('listRecordings'),
        instead(() => import('./recordings.js').then(({ recordings }) => recordings(session))), say),
      guarded(h('button', { type: 'button' }, t('programs')), session, needed('listOauthClients'),
        instead(() => import('./programs.js').then(({ programs }) => programs(session))), say),
      // Only owners have anything to do with it.
      !lacking(session, needed('listPlugins')) && h('button', { type: 'button', onclick: instead(() => import('./plugins.js').then(({ plugins }) => plugins(session))) }, t('plugins')),
      // Guests have no account that a flow could act for.
      session.user !== 0 && h('button', { type: 'button', onclick: instead(() => import('./flows.js').then(({ flows }) => flows(session))) }, t('flows'))),
    lacking(session, create) ? guarded(h('button', { type: 'button' }, t('channelCreateTop')), session, create, () => {}, say)
      : folded(t('channelCreateTop'), channelForm(session, dialog, undefined, 0, onlyTemporary(session, 0))),
    h('fieldset', {}, h('legend', {}, t('whatAllMeet')), welcome.element, first.element, idle.element, minutes.element, guests.element, registration.element, save));
}
