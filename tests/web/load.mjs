// Many clients at once, a third of which hang up midway: node load.mjs SECONDS [CLIENTS]. Fails on a wrong answer, a slot that
// stays busy, a server that ends otherwise than asked (a sanitizer's report, say), or memory that is held longer than it is needed.
import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {startServer} from './server.mjs';

const seconds = Number(process.argv[2] ?? 10), clients = Number(process.argv[3] ?? 32);
// Without memory that glibc's threads keep for themselves, which counts as allocated and grows until each has had its turn.
const server = await startServer(['--parallel', '4', '--queue', String(clients)], undefined, {GLIBC_TUNABLES: 'glibc.malloc.tcache_count=0'});
const counts = {whole: 0, streamed: 0, left: 0, refused: 0};
const expected = new Map();  // seed: text
const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

async function ask(client, turn) {
  const seed = (client * 7 + turn) % 16;
  const leaves = client % 3 === 2;
  const stream = leaves || turn % 2 === 0;
  const controller = new AbortController();
  const response = await fetch(server.url + '/v1/completions', {method: 'POST', signal: controller.signal,
    body: JSON.stringify({prompt: 'ROMEO:', seed, temperature: 0.9, max_tokens: leaves ? 200 : 16, stream})});
  if (response.status === 503) {
    ++counts.refused;
    assert.ok(Number(response.headers.get('retry-after')) > 0);
    await response.arrayBuffer();
    return pause(200);
  }
  assert.equal(response.status, 200);
  let text = '';
  if (stream) {
    let pieces = 0;
    const decoder = new TextDecoder();
    let rest = '';
    for await (const part of response.body) {
      const lines = (rest + decoder.decode(part, {stream: true})).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith('data: {')) text += JSON.parse(line.slice(6)).choices[0]?.text ?? '';
        if (leaves && ++pieces > 8) { ++counts.left; controller.abort(); return; }
      }
    }
    ++counts.streamed;
  } else {
    text = (await response.json()).choices[0].text;
    ++counts.whole;
  }
  if (!leaves) {
    assert.equal(text, expected.get(seed) ?? text, `seed ${seed}`);
    expected.set(seed, text);
  }
}

// What the server holds when nobody asks anything, and its idle connections are closed.
async function atRest() {
  let busy = true;
  for (let i = 0; busy && i < 100; ++i) {
    await pause(100);
    busy = (await (await fetch(server.url + '/slots')).json()).some(slot => slot.is_processing);
  }
  assert.ok(!busy, 'a slot stays busy');
  await pause(6000);
  const metrics = await (await fetch(server.url + '/metrics')).text();
  return {
    heap_kib: Math.round(Number(/^brim_heap_bytes (\d+)/m.exec(metrics)[1]) / 1024),
    resident_kib: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]),
    mappings: readFileSync(`/proc/${server.pid}/maps`, 'utf8').trim().split('\n').length,
    descriptors: readdirSync(`/proc/${server.pid}/fd`).length,
  };
}

const thirds = [];
for (let third = 0; third < 3; ++third) {
  const end = Date.now() + seconds * 1000 / 3;
  await Promise.all(Array.from({length: clients}, async (_, client) => {
    for (let turn = 0; Date.now() < end; ++turn)
      await ask(client, turn).catch(error => { if (error.name !== 'AbortError') throw error; });
  }));
  thirds.push({...counts, ...await atRest()});
}
console.log(JSON.stringify({seconds, clients, thirds}));
const {code, errors} = await server.stop();
assert.equal(code, 0, errors);
assert.ok(counts.left > 0 && counts.whole > 0 && counts.streamed > 0, 'every kind of client had its turn');
// Threads and buffers have come to their sizes in the first third. A few KiB are what threads differ by; what each
// of the last third's requests left behind would add up to more.
const [, early, late] = thirds;
assert.ok(late.heap_kib <= early.heap_kib + 16, `allocated memory grows: ${early.heap_kib} to ${late.heap_kib} KiB`);
assert.ok(late.descriptors <= early.descriptors + 2, `descriptors stay open: ${early.descriptors} to ${late.descriptors}`);
