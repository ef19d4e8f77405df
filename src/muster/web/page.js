'use strict';
// What waits for a second person. Everything that others wrote is put in as text, never as markup.
const $ = (id) => document.getElementById(id);
const REFRESH = 3000;
// What a request means, for whoever does not know the API by heart; the request itself stands below it, octet by octet.
const MEANS = [
  [/^POST \/v1\/keeper\/rotate$/, 'A new key-encryption key', 'Every stored key is wrapped anew, then the key of now is destroyed. What else waits is over with it.'],
  [/^POST \/v1\/keeper\/finish$/, 'Give up keys that nobody can open', 'They go with the key-encryption key of before. When there are none, that key is destroyed without waiting for a standby of the database.'],
  [/^POST \/v1\/events\/accept$/, 'Stand for another audit log', 'The keeper signs for the log as it is, instead of the one that it sealed.'],
  [/^POST \/v1\/events\/export$/, 'A copy of the whole audit log', 'For who asked, within an hour.'],
  [/^POST \/v1\/certificate-requests\/([^/]+)\/approve$/, 'A certificate for a node', 'Request number {}, of the node and with the SHA-256 in the content (muster cert requests).'],
  [/^POST \/v1\/certificates\/revoke$/, 'Revoke a certificate', 'The one in the content.'],
  [/^POST \/v1\/certificates\/([^/]+)\/revoke$/, 'Revoke a certificate', 'Serial number {}.'],
  [/^POST \/v1\/nodes\/([^/]+)\/certificates\/revoke$/, 'Revoke all certificates of a node', 'Node {}.'],
  [/^POST \/v1\/nodes\/([^/]+)\/revoke$/, 'Revoke a node', 'Node {}; its certificates end for good.'],
  [/^POST \/v1\/nodes\/([^/]+)\/release$/, 'Let a node go', 'Node {}; its certificates end for good, where a grace is said with that.'],
  [/^POST \/v1\/nodes\/([^/]+)\/move$/, 'Move a node', 'Node {}; certificates of the provider or the name that it leaves end for good, with the grace.'],
  [/^POST \/v1\/subscriptions\/([^/]+)\/end$/, 'End a subscription', 'Subscription {}; all its nodes lose the service.'],
  [/^POST \/v1\/gba\/flush$/, 'End sessions of SIMs', 'They bootstrap anew.'],
];
// The session's token is kept for this origin, its port included, where no other service of this host gets it as it would get a cookie; and for this tab.
const TOKEN = 'muster-page';
const cards = new Map();
let timer = 0;

function say(text) { $('message').textContent = text || ''; }
function done(text) { $('done').textContent = text || ''; }

class Refused extends Error {
  constructor(value, status) {
    const error = value.error || {};
    super([error.field, error.text].filter(Boolean).join(': ') || `refused (${status})`);
    this.state = value.state;
  }
}

async function ask(method, path, body) {
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const token = sessionStorage.getItem(TOKEN);
  let answer;
  if (token) headers['Muster-Page'] = token;
  try {
    answer = await fetch(path, {
      method, headers, credentials: 'omit', cache: 'no-store',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    inside(false);
    throw new Error('muster approve page has ended; begin it anew, it prints another address and code');
  }
  const text = await answer.text();
  const json = (answer.headers.get('Content-Type') || '').startsWith('application/json');
  const value = json && text ? JSON.parse(text) : { error: { text } };
  if (answer.status === 401) outside();
  if (!answer.ok) throw new Refused(value, answer.status);
  return value;
}

function outside() {
  sessionStorage.removeItem(TOKEN);
  inside(false);
}

function inside(yes) {
  $('login').hidden = yes;
  $('inside').hidden = !yes;
  clearTimeout(timer);
  if (yes) refresh();
}

// Signs that nobody sees, or that turn what stands around them, as what they are: who reads it must see what the digest is of.
const UNSEEN = /[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g;
function plain(text) { return String(text).replace(UNSEEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`); }

function meaning(request) {
  for (const [pattern, title, more] of MEANS) {
    const m = request.match(pattern);
    if (!m) continue;
    let name = m[1] || '';
    try { name = decodeURIComponent(name); } catch { /* as it is */ }
    return [title, more.replace('{}', () => plain(name))];
  }
  return ['Another request', 'This page does not know it: read it, or refuse it.'];
}

// What was answered, in words that say what comes next.
function words(a, e) {
  if (e.state === 'done') return `Number ${a.id}: your yes was taken, but it was not done: ${e.message}. Whoever asked has to ask for what is right.`;
  if (e.state === 'waiting') return `Number ${a.id} still waits: ${e.message}.`;
  return e.state ? `Number ${a.id}: ${e.message}. It has to be asked for anew.` : `Number ${a.id}: ${e.message}.`;
}

async function act(a, path, body, outcome) {
  say('');
  done('');
  try {
    await ask('POST', path, body);
    done(`Number ${a.id}: ${outcome}.`);
  } catch (e) { say(words(a, e)); }
  clearTimeout(timer);
  await refresh();
}

function card(a) {
  const one = $('one').content.cloneNode(true).firstElementChild;
  const part = (name) => one.querySelector(name);
  const [title, more] = meaning(a.request);
  const reason = part('form input');
  const sure = (yes) => { part('.sure').hidden = !yes; part('.yes').hidden = yes; };
  one.dataset.id = a.id;
  one.setAttribute('aria-label', `${a.id}: ${title}`);
  part('h2').textContent = `${a.id}: ${title}`;
  part('.hint').textContent = more;
  for (const name of ['by', 'asked', 'until', 'request', 'content', 'digest']) part(`.${name}`).textContent = plain(a[name]);
  part('.no').textContent = a.own ? 'Take it back' : 'Say no';
  if (a.own) {
    part('.yes').remove();
    part('.sure').firstElementChild.textContent = 'You asked for it: another person says yes or no, at a page of their own.';
    part('.do').remove();
    part('.not').remove();
    part('.sure').hidden = false;
  } else {
    part('.yes').addEventListener('click', () => { sure(true); part('.do').focus(); });
    part('.not').addEventListener('click', () => { sure(false); part('.yes').focus(); });
    part('.do').addEventListener('click', () => act(a, 'give', { id: a.id, digest: a.digest }, 'you said yes, and it is done'));
  }
  part('form').addEventListener('submit', (e) => {
    e.preventDefault();
    if (reason.value.trim()) act(a, 'refuse', { id: a.id, reason: reason.value.trim() }, a.own ? 'taken back' : 'refused');
    else { say('Say why: it is kept for who asked, and in the audit log.'); reason.focus(); }
  });
  return one;
}

// Cards stay where they are, with what was typed into them; one whose content is another one is a new card.
function show(s) {
  const now = new Map(s.approvals.map((a) => [`${a.id} ${a.digest}`, a]));
  for (const [key, element] of cards) {
    if (now.has(key)) continue;
    element.remove();
    cards.delete(key);
  }
  for (const [key, a] of now) {
    if (cards.has(key)) continue;
    cards.set(key, card(a));
    $('waits').append(cards.get(key));
  }
  $('device').textContent = `You are ${s.you}.`;
  $('nothing').hidden = cards.size > 0;
}

async function refresh() {
  try {
    show(await ask('GET', 'approvals'));
    timer = setTimeout(refresh, REFRESH);
  } catch (e) {
    say(e.message);
    if (!$('inside').hidden) timer = setTimeout(refresh, REFRESH);
  }
}

$('login').addEventListener('submit', async (e) => {
  e.preventDefault();
  say('');
  try {
    sessionStorage.setItem(TOKEN, (await ask('POST', 'session', { code: $('code').value })).token);
    inside(true);
  } catch (x) { say(x.message); }
  $('code').value = '';
});
$('leave').addEventListener('click', async () => {
  say('');
  done('');
  try {
    await ask('POST', 'leave', {});
    outside();
    $('login').hidden = true;
    done('This page has ended; muster approve page begins another one.');
  } catch (e) { say(e.message); }
});
if (sessionStorage.getItem(TOKEN)) ask('GET', 'approvals').then((s) => { inside(true); show(s); }).catch(() => inside(false));
else inside(false);
