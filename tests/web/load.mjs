// Many clients at once, a third of which hang up midway: node load.mjs SECONDS [CLIENTS]. Fails on a wrong answer, a slot that
// stays busy, a server that ends otherwise than asked (a sanitizer's report, say), or memory that grows.
import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {startServer} from './server.mjs';

const seconds = Number(process.argv[2] ?? 10), clients = Number(process.argv[3] ?? 32);
const server = await startServer(['--parallel', '4', '--queue', String(clients)]);
const residentKib = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
const counts = {whole: 0, streamed: 0, left: 0, refused: 0};
const expected = new Map();  // seed: text
const end = Date.now() + seconds * 1000;
const samples = [];

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
    return new Promise(resolve => setTimeout(resolve, 200));
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

await Promise.all(Array.from({length: clients}, async (_, client) => {
  for (let turn = 0; Date.now() < end; ++turn) {
    await ask(client, turn).catch(error => { if (error.name !== 'AbortError') throw error; });
    if (client === 0) samples.push(residentKib());
  }
}));
let busy = true;
for (let i = 0; busy && i < 100; ++i) {
  await new Promise(resolve => setTimeout(resolve, 100));
  busy = (await (await fetch(server.url + '/slots')).json()).some(slot => slot.is_processing);
}
// Threads, allocators and buffers have come to their sizes after a third of a long run.
const third = Math.ceil(samples.length / 3);
const most = from => Math.max(...samples.slice(from, from + third));
const [warming, early, late] = [0, third, 2 * third].map(most);
console.log(JSON.stringify({seconds, clients, ...counts, resident_kib: {warming, early, late, end: residentKib()}, descriptors: descriptors()}));
const {code, errors} = await server.stop();
assert.equal(code, 0, errors);
assert.ok(!busy, 'a slot stays busy');
assert.ok(counts.left > 0 && counts.whole > 0 && counts.streamed > 0, 'every kind of client had its turn');
// Short runs have not seen all sizes of answers yet.
if (seconds >= 60) assert.ok(late <= early * 1.05 + 2048, `memory grows: ${early} to ${late} KiB`);
