'use strict';
// The technician's page of one device. Everything that the device says is put in as text, never as markup.
const $ = (id) => document.getElementById(id);
const STATE = {
  'enrolled': ['In service', 'good'], 'bootstrapping': ['Joining …', ''], 'waiting': ['Not in service: will try again', 'bad'],
  'not-enrolled': ['Not in service', 'bad'], 'damaged': ['Its stored credential is damaged', 'bad'],
};
const OUTCOME = { 'enrolled': 'Succeeded', 'failed': 'Failed', 'replaced': 'Given up for another one', 'running': 'Under way' };
const CREDENTIAL = [['nodeID', 'Node'], ['cseID', 'CSE-ID'], ['mafFQDN', 'Service'], ['notAfter', 'Until']];
// The session's token is kept for this origin, its port included, where no other service of this host gets it as it would get a cookie; for all of its
// tabs, as a phone's camera opens each code in another one.
const TOKEN = 'muster-page';
let timer = 0;

function say(text) { $('message').textContent = text || ''; }

async function ask(method, path, body) {
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const token = localStorage.getItem(TOKEN);
  if (token) headers['Muster-Page'] = token;
  const answer = await fetch(path, {
    method, headers, credentials: 'omit', cache: 'no-store',
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  // what is refused before anybody looks into it (too long, broken off) is said in plain words
  const json = (answer.headers.get('Content-Type') || '').startsWith('application/json');
  const value = json && text ? JSON.parse(text) : { error: { text } };
  if (answer.status === 401) outside(token);
  if (!answer.ok) throw new Error([value.error && value.error.field, value.error && value.error.text].filter(Boolean).join(': ') || `refused (${answer.status})`);
  return value;
}

// Instructions behind the page's address, as a phone's camera opens it: also when the page is open already.
function scanned() {
  if (!$('inside').hidden && location.hash.startsWith('#MUSTER:')) $('text').value = location.hash.slice(1);
}

function inside(yes) {
  $('login').hidden = yes;
  $('inside').hidden = !yes;
  clearTimeout(timer);
  if (yes) {
    scanned();
    refresh();
  }
}

// That session is over; another tab may have begun another one meanwhile.
function outside(token) {
  if (localStorage.getItem(TOKEN) === token) localStorage.removeItem(TOKEN);
  inside(false);
}

function item(head, more) {
  const li = document.createElement('li');
  li.append(head);
  for (const line of more.filter(Boolean)) {
    const span = document.createElement('span');
    span.className = 'what';
    span.textContent = line;
    li.append(span);
  }
  return li;
}

function when(text) { return text ? new Date(text).toLocaleString() : 'at an unknown time'; }

function failure(r) { return `${r.resource}: ${r.words}${r.stepWords ? `, while ${r.stepWords}` : ''}${r.detail ? ` (${r.detail})` : ''}`; }

function runs(all) {
  return all.map((r) => item(`${OUTCOME[r.outcome] || r.outcome}, ${when(r.when)}`, [
    `begun by ${[r.trigger, ...(r.joined || [])].join(', ')}`,
    ...(r.reports || []).filter((x) => x.reason !== 'ok').map(failure), `attempt ${r.attempt}`]));
}

// What came in and was not followed: the last instructions of file, person and page, the last bundle, and messages that were no good trigger.
function refused(s) {
  const b = s.bundle;
  const bundle = b && b.outcome !== 'accepted' ? [item(`The bundle ${b.file} ${b.words}`, [when(b.when), b.detail, b.remedy && `What to do: ${b.remedy}`])] : [];
  const given = (s.refused || []).map((r) => item(`${r.resource}: ${r.words}`, [when(r.when), r.detail, r.remedy && `What to do: ${r.remedy}`]));
  return given.concat(bundle, ((s.pushed && s.pushed.last) || []).map((p) => item(`A trigger by ${p.source}: ${p.words}`, [when(p.when), p.detail])));
}

function list(name, items) {
  $(name).replaceChildren(...items);
  $(`${name}-part`).hidden = !items.length;
}

function show(s) {
  const [words, kind] = STATE[s.state] || [s.state, ''];
  $('state').textContent = words;
  $('state').className = kind;
  $('place').textContent = where(s.place);
  $('next').textContent = Number.isInteger(s.nextTry) ? `Next try in ${s.nextTry} seconds.` : '';
  $('device').textContent = s.credential ? s.credential.nodeID : '';
  $('reports').replaceChildren(...(s.reports || []).filter((r) => r.reason !== 'ok').map((r) =>
    item(`${r.resource}: ${r.words}`, [r.stepWords && `while ${r.stepWords}`, r.detail, r.remedy && `What to do: ${r.remedy}`])));
  $('steps').replaceChildren(...(s.state === 'bootstrapping' ? s.steps || [] : []).map((x) => item(x.stepWords || x.arrow, [])));
  list('refused', refused(s));
  list('runs', runs(s.attempts || []));
  $('credential').replaceChildren(...(s.credential ? CREDENTIAL : []).filter(([k]) => s.credential[k]).flatMap(([k, name]) => {
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = s.credential[k];
    return [dt, dd];
  }));
}

async function refresh() {
  try {
    show(await ask('GET', 'status'));
    timer = setTimeout(refresh, 2000);
  } catch (e) {
    say(e.message);
    if (!$('inside').hidden) timer = setTimeout(refresh, 5000);
  }
}

async function trigger(body) {
  say('');
  try {
    await ask('POST', 'trigger', body);
    $('text').value = '';
    clearTimeout(timer);
    await refresh();
  } catch (e) { say(e.message); }
}

$('login').addEventListener('submit', async (e) => {
  e.preventDefault();
  say('');
  try {
    localStorage.setItem(TOKEN, (await ask('POST', 'session', { code: $('code').value })).token);
    inside(true);
  } catch (x) { say(x.message); }
  $('code').value = '';
});
$('join').addEventListener('submit', (e) => {
  e.preventDefault();
  const text = $('text').value.trim();
  if (text) trigger({ text }); else say('Enter a name, an address or instructions.');
});
const DEGREE = 10000000;

async function place(body) {
  say('');
  try {
    await ask('POST', 'place', body);
    clearTimeout(timer);
    await refresh();
  } catch (e) { say(e.message); }
}

function where(l) {
  if (!l) return 'Nobody has said where this device is.';
  const here = l.latitude === undefined ? '' : `${(l.latitude / DEGREE).toFixed(5)}, ${(l.longitude / DEGREE).toFixed(5)}` +
    (l.accuracy === undefined ? '' : ` within ${l.accuracy} m`);
  return [l.site, here, l.cell].filter(Boolean).join(' · ');
}

$('site-form').addEventListener('submit', (e) => {
  e.preventDefault();
  if ($('site').value.trim()) place({ site: $('site').value.trim() }); else say('Enter the label of the site.');
});
$('here').addEventListener('click', () => {
  say('');
  if (!navigator.geolocation) { say('This browser does not tell its position.'); return; }
  navigator.geolocation.getCurrentPosition(({ coords }) => place({
    latitude: Math.round(coords.latitude * DEGREE), longitude: Math.round(coords.longitude * DEGREE),
    accuracy: Math.min(Math.round(coords.accuracy), 40000000),
  }), (e) => say(`The phone does not tell where it is: ${e.message}`), { enableHighAccuracy: true, timeout: 30000 });
});
$('leave').addEventListener('click', async () => {
  const token = localStorage.getItem(TOKEN);
  say('');
  try { await ask('POST', 'leave', {}); } catch (e) { say(e.message); }
  outside(token);
});
$('again').addEventListener('submit', (e) => { e.preventDefault(); trigger({}); });

// A phone's own camera opens a QR code that holds this page's address and #MUSTER:…; where the browser can read codes
// itself, a photo will do as well.
if ('BarcodeDetector' in window) {
  $('scan').hidden = false;
  $('photo').addEventListener('change', async () => {
    try {
      const codes = await new BarcodeDetector({ formats: ['qr_code'] }).detect(await createImageBitmap($('photo').files[0]));
      if (!codes.length) throw new Error('There is no QR code in the photo.');
      const text = codes[0].rawValue;
      $('text').value = text.includes('#MUSTER:') ? text.slice(text.indexOf('#') + 1) : text;
    } catch (e) { say(e.message); }
    $('photo').value = '';
  });
}
window.addEventListener('hashchange', scanned);
if (localStorage.getItem(TOKEN)) ask('GET', 'status').then((s) => { inside(true); show(s); }).catch(() => inside(false));
else inside(false);
