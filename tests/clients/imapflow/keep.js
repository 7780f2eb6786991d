// keep.js - a copy of what is below a mailbox, kept in memory by imapflow.
//
//   keep.js HOST PORT USER PASSWORD-FILE CA-FILE ROOT
//
// One connection at a time: it goes from mailbox to mailbox, resynchronises each by QRESYNC with SELECT or by UID
// FETCH with CHANGEDSINCE and VANISHED, then listens for a while; now and then it is cut off at a random moment, and
// what was known until then must do. HIGHESTMODSEQ is remembered only when all that SELECT and FETCH told is in the
// copy. "copy" on stdin: one resynchronisation of everything, and one line of JSON that says what there is.
'use strict';
const { createHash } = require('crypto');
const { readFileSync } = require('fs');
const { createInterface } = require('readline');
const { ImapFlow } = require('imapflow');

const [host, port, user, passwordFile, caFile, root] = process.argv.slice(2);
const password = readFileSync(passwordFile, 'utf8').replace(/\n$/, '');
const figures = { connections: 0, 'of them cut off': 0, resynchronisations: 0, 'of them by QRESYNC': 0,
                  events: 0, 'messages fetched': 0 };
const copy = new Map();  // path: { uidValidity, highestModseq, messages: Map (uid: { hash, flags }) }
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const random = (most) => Math.random() * most;
// A mailbox may go away under it, and connections are cut off.
const EXPECTED = /not available|not exist|NONEXISTENT|Command failed|closed|BYE/i;
let client = null, cut = null, wanted = false, ending = false;

function hashOf (octets) {
  return createHash('sha256').update(octets.toString('latin1').replace(/\r\n/g, '\n'), 'latin1').digest('hex');
}

function heardOfExpunge (event) {
  const box = copy.get(event.path);
  figures.events++;
  if (!event.vanished)
    throw new Error(`EXPUNGE ${event.seq} although QRESYNC is enabled`);
  if (box)
    box.messages.delete(event.uid);
}

function heardOfFlags (event) {
  const box = copy.get(event.path);
  figures.events++;
  if (!event.uid)
    throw new Error('FETCH without UID although QRESYNC is enabled');
  if (box && box.messages.has(event.uid))
    box.messages.get(event.uid).flags = [...event.flags];
}

async function connect () {
  client = new ImapFlow({ host, port: Number(port), secure: true, auth: { user, pass: password }, qresync: true,
                          logger: false, tls: { ca: readFileSync(caFile) } });
  client.on('error', () => {});
  client.on('expunge', heardOfExpunge);
  client.on('flags', heardOfFlags);
  await client.connect();
  figures.connections++;
  for (const name of ['CONDSTORE', 'QRESYNC'])
    if (!client.enabled.has(name))
      throw new Error(`${name} is not enabled`);
}

async function fetchNew (box) {
  const first = Math.max(0, ...box.messages.keys()) + 1;
  for await (const message of client.fetch(`${first}:*`, { uid: true, flags: true, source: true }, { uid: true })) {
    if (message.uid < first || !message.source)
      continue;
    box.messages.set(message.uid, { hash: hashOf(message.source), flags: [...message.flags] });
    figures['messages fetched']++;
  }
}

async function fetchChanged (box) {
  const since = { uid: true, changedSince: box.highestModseq };
  for await (const message of client.fetch('1:*', { uid: true, flags: true }, since))
    if (box.messages.has(message.uid))
      box.messages.get(message.uid).flags = [...message.flags];
}

async function resynchronise (path) {
  const known = copy.get(path);
  const bySelect = known && Math.random() < 0.6;
  const mailbox = await client.mailboxOpen(path, {
    readOnly: true, ...(bySelect && { changedSince: known.highestModseq, uidValidity: known.uidValidity })
  });
  const highestModseq = mailbox.highestModseq;
  let box = copy.get(path);

  if (!box || box.uidValidity !== mailbox.uidValidity) {
    box = { uidValidity: mailbox.uidValidity, highestModseq: 0n, messages: new Map() };
    copy.set(path, box);
  } else if (bySelect) {
    if (!mailbox.qresync)
      throw new Error(`SELECT (QRESYNC) of ${path} was not one`);
    figures['of them by QRESYNC']++;
  } else {
    await fetchChanged(box);
  }
  await fetchNew(box);
  box.highestModseq = highestModseq;
  figures.resynchronisations++;
}

async function list () {
  const found = (await client.list()).filter(({ flags }) => !flags.has('\\Noselect') && !flags.has('\\NonExistent'))
    .map((entry) => entry.path).filter((path) => path === root || path.startsWith(`${root}/`));
  for (const path of copy.keys())
    if (!found.includes(path))
      copy.delete(path);
  return found;
}

// Everything once; listening after each mailbox, unless the copy is waited for.
async function round () {
  for (const path of await list()) {
    if (ending)
      return;
    await resynchronise(path);
    if (!wanted) {
      client.idle().catch(() => {});
      await sleep(random(700));
    }
  }
}

function say () {
  const mailboxes = {};
  for (const [path, box] of copy)
    mailboxes[path] = [...box.messages.values()].map(({ hash, flags }) => [hash, flags]);
  process.stdout.write(`${JSON.stringify({ figures, copy: mailboxes })}\n`);
}

async function keep () {
  while (!ending) {
    try {
      if (!client || !client.usable)
        await connect();
      const last = wanted;
      if (!last && Math.random() < 0.3)
        cut = setTimeout(() => { figures['of them cut off']++; client.close(); }, random(1500));
      await round();
      if (last) {
        wanted = false;
        say();
      }
    } catch (error) {
      if (!EXPECTED.test(`${error.code} ${error.message}`))
        console.error(error);
      if (client)
        client.close();
      await sleep(50);
    } finally {
      clearTimeout(cut);
    }
  }
}

createInterface({ input: process.stdin })
  .on('line', () => { wanted = true; })
  .on('close', () => { ending = true; if (client) client.close(); });
process.on('uncaughtException', (error) => { console.error(error); process.exit(1); });
keep();
