// The page on which a program asks to be let act for somebody. It works without this script; with it, whoever is logged in
// here needs no password, and isn't asked again what they allowed before.

import { kept } from './place.js';

/** @template {HTMLElement} T @param {string} id @param {new () => T} kind */
function part(id, kind) {
  const element = document.getElementById(id);
  return element instanceof kind ? element : null;
}

const form = part('consent', HTMLFormElement);
const session = part('session', HTMLInputElement);
const known = part('known', HTMLElement);
const logIn = part('log-in', HTMLFieldSetElement);
const token = kept.get('token');

if (form && session && known && logIn && token && form.dataset.session === 'yes') {
  session.value = token;
  if (form.dataset.silent === 'yes') {
    const decision = document.createElement('input');
    decision.type = 'hidden';
    decision.name = 'decision';
    decision.value = 'silent';
    form.append(decision);
    form.submit();
  } else {
    const who = part('who', HTMLElement);
    if (who) who.textContent = kept.get('name') ?? '';
    known.hidden = false;
    logIn.hidden = true;
    logIn.disabled = true;
    part('other', HTMLButtonElement)?.addEventListener('click', () => {
      session.value = '';
      known.hidden = true;
      logIn.hidden = false;
      logIn.disabled = false;
      part('name', HTMLInputElement)?.focus();
    });
  }
}
