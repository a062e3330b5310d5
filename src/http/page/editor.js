// A flow is written: checked by the server while it is, and then added, or another version of one that there is.

import { Code } from './code.js';
import { Dialog, folded } from './dialog.js';
import { fill, h } from './dom.js';
import { outlined } from './outline.js';
import { Problem } from './refusal.js';
import { t } from './text.js';
import { Values } from './values.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').FlowOutline} FlowOutline */

/** What somebody begins with who writes one of their own. */
const BEGINNING = `[workflow]
name = "greeter"
description = "Greets whoever comes."

[parameters.greeting]
type = "string"
default = "Hello"
description = "What they read, before their name."

[[triggers]]
on = "event"
event = "arrived"

[[steps]]
do = "send_text"
with = { session = "{{ event.session }}", text = "{{ input.greeting }}, {{ event.name }}!" }
`;

/**
 * @param {Session} session
 * @param {object} what
 * @param {string} [what.name] Of the flow that gets another version; a new one is added without.
 * @param {string} [what.source] What is there to begin with.
 * @param {(name: string) => void} what.done Told the flow's name.
 */
export function editor(session, { name, source = BEGINNING, done }) {
  const dialog = new Dialog(name ? t('flowEditOf', { flow: name }) : t('flowAdd'), 'wide');
  const code = new Code(t('flowSource'), source);
  const says = h('div', { class: 'hint', role: 'status' });
  const values = new Values(session, true);
  const given = folded(t('flowSettings'), h('p', { class: 'hint' }, t('flowGive')), values.element);
  given.hidden = true;
  const share = h('input', { type: 'checkbox' });

  /** What the server says of it; told where something is wrong. @returns {Promise<FlowOutline>} */
  const check = async () => {
    const { problems, outline } = await session.request('checkFlow', { source: code.source });
    code.tell(problems);
    fill(says);
    if (!outline) throw new Problem(t(problems.length === 1 ? 'flowWrong' : 'flowWrongs', { count: problems.length }));
    fill(says, ...outlined(outline));
    if (!name && !outline.skill) {
      values.draw(outline.parameters, []);
      given.hidden = values.isEmpty;
    }
    return outline;
  };
  const checks = dialog.button(t('flowCheck'), async () => {
    const outline = await check();
    return t('flowRight', { flow: outline.name, edition: outline.edition });
  });
  const saves = dialog.button(name ? t('flowSave') : t('flowAddIt'), async () => {
    const shown = !given.hidden;
    const outline = await check();
    // What it is given is asked for once, before it is on.
    if (!name && !shown && !given.hidden) {
      given.open = true;
      values.focus();
      return;
    }
    if (name) await session.request('editFlow', { name, source: code.source });
    else await session.request('addFlow', { source: code.source, settings: values.given().values, shared: share.checked });
    dialog.close();
    done(name ?? outline.name);
  }, { class: 'primary' });
  dialog.show(h('p', { class: 'lead' }, t('flowWriteLead')), code.element, says, given,
    !name && h('label', { class: 'choice' }, share, t('flowShareIt')), h('div', { class: 'actions' }, checks, saves));
}
