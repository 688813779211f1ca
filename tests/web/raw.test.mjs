// Requests as programs written for llama.cpp's server send them, and ones that no program should send.
import assert from 'node:assert/strict';
import {connect} from 'node:net';
import {after, before, test} from 'node:test';
import {startServer} from './server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => {
  const {code, errors} = await server.stop();
  assert.equal(code, 0, errors);
});

const get = async path => (await fetch(server.url + path)).json();
async function post(path, body, wanted = 200) {
  const response = await fetch(server.url + path, {method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body)});
  const json = await response.json();
  assert.equal(response.status, wanted, JSON.stringify(json));
  return json;
}

test('health, props and slots', async () => {
  assert.equal((await get('/health')).status, 'ok');
  const props = await get('/props');
  assert.ok(props.default_generation_settings.n_ctx > 0 && props.total_slots === 1);
  assert.ok(props.board.regions.some(region => region.name.startsWith('kv')));
  const [slot] = await get('/slots');
  assert.deepEqual([slot.id, slot.is_processing, slot.n_ctx], [0, false, props.default_generation_settings.n_ctx]);
});

test('tokenize and detokenize are each other\'s inverse', async () => {
  const content = 'ROMEO:\nBut soft, naïve 日本 😀';
  const {tokens} = await post('/tokenize', {content});
  assert.ok(tokens.length > 5);
  assert.equal((await post('/detokenize', {tokens})).content, content);
});

test('completions go on from text and from tokens alike', async () => {
  const ask = {max_tokens: 16, seed: 3, temperature: 0.7};
  const text = await post('/v1/completions', {...ask, prompt: 'ROMEO:'});
  assert.equal(text.object, 'text_completion');
  const {tokens} = await post('/tokenize', {content: 'ROMEO:', add_special: true});
  assert.equal((await post('/v1/completions', {...ask, prompt: tokens})).choices[0].text, text.choices[0].text);
});

test('metrics are in Prometheus\' form', async () => {
  const response = await fetch(server.url + '/metrics');
  assert.match(response.headers.get('content-type'), /^text\/plain/);
  for (const line of (await response.text()).trim().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) [a-zA-Z_:]+ .+|[a-zA-Z_:]+(\{[^}]*\})? [-+0-9.e]+(nan|inf)?)$/i);
});

test('the page is given whole, with a policy that lets it load nothing', async () => {
  const response = await fetch(server.url + '/');
  assert.match(response.headers.get('content-type'), /^text\/html/);
  assert.match(response.headers.get('content-security-policy'), /default-src 'none'/);
  const {readFileSync} = await import('node:fs');
  assert.equal(await response.text(), readFileSync(new URL('../../src/server/page.html', import.meta.url), 'utf8'));
});

test('what is no request for an answer is refused in OpenAI\'s form', async () => {
  for (const [path, body, status] of [['/v1/chat/completions', '{', 400], ['/v1/chat/completions', '[]', 400], ['/v1/chat/completions', '{}', 400],
    ['/v1/completions', {prompt: [-1]}, 400], ['/v1/completions', {prompt: 'x', echo: true}, 400], ['/tokenize', {content: 7}, 400], ['/nothing', {}, 404], ['/slots/7?action=erase', {}, 404]]) {
    const {error} = await post(path, body, status);
    assert.equal(typeof error.message, 'string');
    assert.equal(typeof error.type, 'string');
  }
});

test('requests that are cut short, too large or no HTTP cost the server nothing', async () => {
  const {port, hostname} = new URL(server.url);
  const send = (text, then) => new Promise(resolve => {
    let answer = '';
    const socket = connect(port, hostname, () => { socket.write(text); then?.(socket); });
    socket.on('data', data => { answer += data; });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
  await send('POST /v1/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"prompt"', socket => setTimeout(() => socket.destroy(), 100));
  assert.match(await send('POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n', socket => setTimeout(() => socket.destroy(), 1000)), /413|^$/);
  await send('\x16\x03\x01\x02\x00garbage\r\n\r\n', socket => setTimeout(() => socket.destroy(), 200));
  await send('GET / HTTP/1.1\r\nHost: localhost\r\n' + 'X-Long: ' + 'x'.repeat(100000) + '\r\n\r\n', socket => setTimeout(() => socket.destroy(), 500));
  assert.equal((await get('/health')).status, 'ok');
});

test('another site\'s page is not answered', async () => {
  const response = await fetch(server.url + '/v1/models', {headers: {Origin: 'https://example.org'}});
  assert.equal(response.headers.get('access-control-allow-origin'), null);
});
