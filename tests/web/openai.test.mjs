// brim serve as the official client of OpenAI's API meets it.
import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {after, before, test} from 'node:test';
import {promisify} from 'node:util';
import Ajv from 'ajv';
import OpenAI from 'openai';
import {randomSchema} from './random_schema.mjs';
import {startServer} from './server.mjs';

const kSchemas = Number(process.env.BRIM_SCHEMAS ?? 25);
let server, client;

before(async () => {
  server = await startServer(['--parallel', '4']);
  client = new OpenAI({baseURL: server.url + '/v1', apiKey: 'none', maxRetries: 0});
});
after(async () => {
  const {code, errors} = await server.stop();
  assert.equal(code, 0, errors);
});

const romeo = {model: 'demo', messages: [{role: 'user', content: 'ROMEO:'}], seed: 7, max_tokens: 24, temperature: 0.8};
const idle = async () => {
  for (let i = 0; i < 100; ++i) {
    const slots = await (await fetch(server.url + '/slots')).json();
    if (slots.every(slot => !slot.is_processing)) return true;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return false;
};
async function gathered(stream) {
  let text = '', reason = null, usage = null;
  const chunks = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
    text += chunk.choices[0]?.delta.content ?? '';
    reason = chunk.choices[0]?.finish_reason ?? reason;
    usage = chunk.usage ?? usage;
  }
  return {text, reason, usage, chunks};
}

test('the model is listed', async () => {
  const models = await client.models.list();
  assert.equal(models.data.length, 1);
  assert.equal((await client.models.retrieve(models.data[0].id)).object, 'model');
  romeo.model = models.data[0].id;
});

test('a chat is answered, with its usage', async () => {
  const answer = await client.chat.completions.create(romeo);
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.choices[0].message.role, 'assistant');
  assert.ok(answer.choices[0].message.content.length > 10);
  assert.equal(answer.choices[0].finish_reason, 'length');
  assert.equal(answer.usage.completion_tokens, 24);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + 24);
});

test('a stream is the same text in pieces, and ends with the usage', async () => {
  const whole = await client.chat.completions.create(romeo);
  const streamed = await gathered(await client.chat.completions.create({...romeo, stream: true, stream_options: {include_usage: true}}));
  assert.equal(streamed.text, whole.choices[0].message.content);
  assert.equal(streamed.reason, 'length');
  assert.deepEqual([streamed.usage.completion_tokens, streamed.usage.prompt_tokens], [24, whole.usage.prompt_tokens]);
  assert.ok(streamed.chunks.length > 5);
});

test('the next turn runs only what is new of the prompt', async () => {
  const first = await client.chat.completions.create(romeo);
  const next = await client.chat.completions.create({...romeo, messages: [...romeo.messages, first.choices[0].message, {role: 'user', content: 'JULIET:'}]});
  const {prompt_tokens, prompt_tokens_details} = next.usage;
  assert.ok(prompt_tokens_details.cached_tokens >= first.usage.total_tokens - 4, JSON.stringify(next.usage));
  assert.ok(prompt_tokens_details.cached_tokens < prompt_tokens);
});

test('stop strings end a text and are no part of it', async () => {
  const free = (await client.chat.completions.create({...romeo, max_tokens: 60})).choices[0].message.content;
  const stop = free.slice(20, 24);
  for (const stream of [false, true]) {
    const answer = await client.chat.completions.create({...romeo, max_tokens: 60, stop: [stop, 'never said'], stream});
    const [text, reason] = stream ? await gathered(answer).then(all => [all.text, all.reason])
                                  : [answer.choices[0].message.content, answer.choices[0].finish_reason];
    assert.equal(text, free.slice(0, free.indexOf(stop)));
    assert.equal(reason, 'stop');
  }
});

test('log probabilities are those of the tokens and of what else was likely', async () => {
  const answer = await client.chat.completions.create({...romeo, logprobs: true, top_logprobs: 5});
  const {content} = answer.choices[0].logprobs;
  assert.equal(content.length, 24);
  const said = new TextDecoder().decode(Uint8Array.from(content.flatMap(entry => entry.bytes)));
  assert.equal(said.trim(), answer.choices[0].message.content.trim());
  for (const entry of content) {
    assert.equal(entry.top_logprobs.length, 5);
    assert.ok(entry.logprob <= 0);
    const probabilities = entry.top_logprobs.map(other => Math.exp(other.logprob));
    assert.ok(probabilities.reduce((sum, p) => sum + p) <= 1.0001);
    assert.deepEqual(probabilities, [...probabilities].sort((a, b) => b - a));
  }
  const streamed = await gathered(await client.chat.completions.create({...romeo, logprobs: true, top_logprobs: 5, stream: true}));
  assert.deepEqual(streamed.chunks.flatMap(chunk => chunk.choices[0]?.logprobs?.content ?? []).map(entry => entry.token), content.map(entry => entry.token));
});

test('n answers come from n seeds, each as it would alone', async () => {
  const answer = await client.chat.completions.create({...romeo, n: 3});
  assert.equal(answer.choices.length, 3);
  for (const {index, message} of answer.choices) {
    const alone = await client.chat.completions.create({...romeo, seed: 7 + index});
    assert.equal(message.content, alone.choices[0].message.content);
  }
});

test('the text is that of brim run, alone and among others', async () => {
  const seeds = [1, 2, 3, 4, 5, 6];
  const run = promisify(execFile);
  const expected = await Promise.all(seeds.map(async seed => JSON.parse((await run(process.env.BRIM_BINARY,
      ['run', process.env.BRIM_IMAGE, '-p', 'ROMEO:', '-n', '24', '--temp', '0.8', '--seed', String(seed), '--json'])).stdout).generated_text));
  const ask = seed => client.completions.create({model: romeo.model, prompt: 'ROMEO:', max_tokens: 24, temperature: 0.8, seed}).then(answer => answer.choices[0].text);
  assert.equal(await ask(1), expected[0]);
  assert.deepEqual(await Promise.all(seeds.map(ask)), expected);
});

test('logit_bias and penalties change what is chosen', async () => {
  const plain = {...romeo, temperature: 0};
  const free = await client.chat.completions.create({...plain, logprobs: true});
  const {id} = free.choices[0].logprobs.content[0];
  const biased = await client.chat.completions.create({...plain, logprobs: true, logit_bias: {[id]: -100}});
  assert.ok(biased.choices[0].logprobs.content.every(entry => entry.id !== id));
  const repeats = async penalty => {
    const answer = await client.chat.completions.create({...plain, logprobs: true, max_tokens: 48, presence_penalty: penalty});
    const ids = answer.choices[0].logprobs.content.map(entry => entry.id);
    return ids.length - new Set(ids).size;
  };
  assert.ok(await repeats(2) < await repeats(0));
});

test('an answer that a client leaves is given up', async () => {
  const controller = new AbortController();
  const stream = await client.chat.completions.create({...romeo, max_tokens: undefined, stream: true}, {signal: controller.signal});
  let pieces = 0;
  await assert.rejects(async () => {
    for await (const _ of stream) if (++pieces === 5) controller.abort();
    throw new Error('aborted');
  });
  assert.ok(await idle(), 'no slot is stuck');
  assert.ok((await client.chat.completions.create(romeo)).choices[0].message.content);
});

test('the Responses API answers and streams the same text', async () => {
  const ask = {model: romeo.model, input: 'ROMEO:', max_output_tokens: 24, temperature: 0.8, seed: 7};
  const answer = await client.responses.create(ask);
  assert.equal(answer.output_text, (await client.chat.completions.create(romeo)).choices[0].message.content);
  let text = '', last;
  for await (const event of await client.responses.create({...ask, stream: true})) {
    if (event.type === 'response.output_text.delta') text += event.delta;
    last = event.type;
  }
  assert.equal(text, answer.output_text);
  assert.match(last, /^response\.(completed|incomplete)$/);
});

test('errors are the classes that the client knows', async () => {
  const fails = (request, status, about) => assert.rejects(client.chat.completions.create({...romeo, ...request}), error => {
    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.equal(error.status, status, error.message);
    assert.match(error.message, about);
    return true;
  });
  await fails({model: 'gpt-4'}, 404, /gpt-4/);
  await fails({temperature: 'hot'}, 400, /temperature/);
  await fails({temperature: -1}, 400, /temperature/);
  await fails({messages: []}, 400, /messages/);
  await fails({messages: [{role: 'user', content: [{type: 'image_url', image_url: {url: 'data:'}}]}]}, 400, /image_url/);
  await fails({frobnicate: 1}, 400, /frobnicate/);
  await fails({messages: [{role: 'user', content: 'word '.repeat(5000)}]}, 400, /\d+/);
  await assert.rejects(client.chat.completions.create({...romeo, messages: [{role: 'user', content: 'word '.repeat(5000)}]}), {code: 'context_length_exceeded'});
  await assert.rejects(client.embeddings.create({model: romeo.model, input: 'x'}), {status: 501});
  await fails({response_format: {type: 'json_schema', json_schema: {name: 'x', schema: {type: 'object', frobnicate: {}}}}}, 400, /frobnicate/);
});

test(`${kSchemas} random schemas: every answer parses and is valid`, {timeout: 3_600_000}, async () => {
  const ajv = new Ajv({strict: false});
  let next = 0, answered = 0;
  const worker = async () => {
    for (let seed = next++; seed < kSchemas; seed = next++) {
      const schema = randomSchema(seed);
      const answer = await client.chat.completions.create({model: romeo.model, seed, temperature: 1,
        messages: [{role: 'user', content: 'Answer in JSON.'}], response_format: {type: 'json_schema', json_schema: {name: 'answer', strict: true, schema}}});
      const {message, finish_reason} = answer.choices[0];
      const about = `seed ${seed}: ${JSON.stringify(schema)}: ${message.content}`;
      assert.equal(finish_reason, 'stop', about);
      assert.ok(ajv.validate(schema, JSON.parse(message.content)), about);
      ++answered;
    }
  };
  await Promise.all(Array.from({length: 4}, worker));
  assert.equal(answered, kSchemas);
});

test('json_object gives an object', async () => {
  const answer = await client.chat.completions.create({...romeo, max_tokens: undefined, temperature: 0, response_format: {type: 'json_object'},
    stop: undefined, messages: [{role: 'user', content: 'Answer in JSON.'}]});
  if (answer.choices[0].finish_reason === 'stop') assert.equal(typeof JSON.parse(answer.choices[0].message.content), 'object');
  else assert.match(answer.choices[0].message.content, /^\s*\{/);
});
