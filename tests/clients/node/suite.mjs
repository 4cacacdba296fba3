// SPDX-License-Identifier: MIT
// The TypeScript SDK: create, stream, errors, retries, cancel. Prints TAP lines. SDK_ROOT says where it is installed.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.join(process.env.SDK_ROOT, 'package.json'));
const { Anthropic } = require('@anthropic-ai/sdk');
const { POSTERN_URL, POSTERN_KEYS_URL, POSTERN_KEY, POSTERN_UPSTREAM } = process.env;

const ask = { max_tokens: 64, messages: [{ role: 'user', content: 'Say something' }] };
const client = (more = {}) => new Anthropic({ baseURL: POSTERN_URL, apiKey: 'any', maxRetries: 0, ...more });
const stats = async () => (await fetch(`${POSTERN_UPSTREAM}/stats`)).json();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function fails(promise, status, type) {
  try {
    await promise;
  } catch (e) {
    assert.equal(e.status, status);
    assert.equal(e.error?.error?.type, type);
    return e;
  }
  throw new Error('no error');
}

// The scripted upstream writes "<counter:clock>"; the clock differs from answer to answer.
const plain = (text) => text.replace(/:\d+>/g, '>');

// The question counts itself.
const callsSince = async (before) => (await stats()).requests - before - 1;

async function upstreamFallsSilent() {
  for (let seen = -1, i = 0; i < 20; i++) {
    const { events } = await stats();
    if (events === seen) return;
    seen = events;
    await sleep(100);
  }
  throw new Error('the upstream still generates');
}

const cases = {
  async create() {
    const m = await client().messages.create({ model: 'plain', ...ask });
    assert.equal(m.type, 'message');
    assert.equal(m.model, 'plain');
    assert.equal(m.stop_reason, 'end_turn');
    assert.ok(m.content[0].text.trim().length > 0);
    assert.ok(m.usage.input_tokens > 0 && m.usage.output_tokens > 0);
    assert.match(m._request_id, /^req_/);
  },

  async 'stream equals create'() {
    const whole = await client().messages.create({ model: 'plain', ...ask });
    const pieces = [];
    const stream = client().messages.stream({ model: 'plain', ...ask }).on('text', (t) => pieces.push(t));
    const final = await stream.finalMessage();
    assert.ok(pieces.length > 1, 'one piece only: not streamed');
    assert.equal(pieces.join(''), final.content[0].text);
    assert.equal(plain(final.content[0].text), plain(whole.content[0].text));
    assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
  },

  async 'a stream arrives token by token'() {
    const began = Date.now();
    const stream = await client().messages.create({ model: 'slow', stream: true, ...ask });
    let deltas = 0;
    for await (const event of stream) {
      if (event.type === 'content_block_delta' && ++deltas === 3) break;
    }
    assert.ok(Date.now() - began < 600, `third piece after ${Date.now() - began} ms of a four second answer`);
    await upstreamFallsSilent();
  },

  async 'events follow the grammar'() {
    const names = [];
    for await (const e of await client().messages.create({ model: 'plain', stream: true, ...ask })) names.push(e.type);
    assert.equal(names[0], 'message_start');
    assert.equal(names[1], 'content_block_start');
    assert.deepEqual(names.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
  },

  async 'ruling 3: pings before the message do no harm'() {
    const text = await client().messages.stream({ model: 'late', ...ask }).finalText();
    assert.ok(text.length > 0);
  },

  async 'a stop sequence is cut and named'() {
    const m = await client().messages.create({ model: 'plain', stop_sequences: ['nothing like it', '<3:'], ...ask });
    assert.equal(m.stop_reason, 'stop_sequence');
    assert.equal(m.stop_sequence, '<3:');
    assert.match(m.content[0].text, /<2:/);
    assert.doesNotMatch(m.content[0].text, /<3/);
  },

  async 'an unknown model is not found'() {
    await fails(client().messages.create({ model: 'no-such-model', ...ask }), 404, 'not_found_error');
  },

  async 'a bad request names its field'() {
    const e = await fails(client().messages.create({ model: 'plain', ...ask, top_k: -1 }), 400, 'invalid_request_error');
    assert.match(e.message, /top_k: /);
  },

  async 'a rate limit says when to come back'() {
    const e = await fails(client().messages.create({ model: 'busy', ...ask }), 429, 'rate_limit_error');
    const headers = e.headers;
    assert.equal(headers.get ? headers.get('retry-after') : headers['retry-after'], '1');
  },

  async 'retries happen and count'() {
    const before = (await stats()).requests;
    await fails(client({ maxRetries: 2 }).messages.create({ model: 'broken', ...ask }), 500, 'api_error');
    assert.equal(await callsSince(before), 3);
  },

  async 'a refused request is not retried'() {
    const before = (await stats()).requests;
    await fails(client({ maxRetries: 2 }).messages.create({ model: 'refusing', ...ask }), 400, 'invalid_request_error');
    assert.equal(await callsSince(before), 1);
  },

  async 'a cut stream throws'() {
    let text = '';
    const stream = client().messages.stream({ model: 'cut', ...ask }).on('text', (t) => { text += t; });
    await assert.rejects(stream.finalMessage());
    assert.ok(text.length > 0, 'nothing arrived before the cut');
  },

  async 'keys are needed and taken'() {
    const wrong = new Anthropic({ baseURL: POSTERN_KEYS_URL, apiKey: 'pk_wrong', maxRetries: 0 });
    await fails(wrong.messages.create({ model: 'plain', ...ask }), 401, 'authentication_error');
    const right = new Anthropic({ baseURL: POSTERN_KEYS_URL, apiKey: POSTERN_KEY, maxRetries: 0 });
    assert.equal((await right.messages.create({ model: 'plain', ...ask })).role, 'assistant');
  },

  async 'models are listed'() {
    const ids = [];
    for await (const m of client().models.list({ limit: 100 })) ids.push(m.id);
    assert.ok(ids.includes('plain') && ids.includes('slow'), ids.join());
    assert.equal((await client().models.retrieve('claude-haiku-5-5')).id, 'plain');
  },

  async 'an aborted stream frees the upstream'() {
    const stream = client().messages.stream({ model: 'slow', ...ask });
    await new Promise((resolve) => stream.on('text', resolve));
    stream.abort();
    await stream.done().catch(() => {});
    await upstreamFallsSilent();
  },

  async 'an aborted plain request frees the upstream'() {
    const controller = new AbortController();
    const pending = client().messages.create({ model: 'slow', ...ask }, { signal: controller.signal });
    await sleep(300);
    controller.abort();
    await assert.rejects(pending);
    await upstreamFallsSilent();
  },

  async 'twenty streams side by side'() {
    const c = client();
    const texts = await Promise.all(Array.from({ length: 20 }, () => c.messages.stream({ model: 'plain', ...ask }).finalText()));
    assert.equal(new Set(texts.map(plain)).size, 1);
  },
};

let number = 0;
let bad = 0;
for (const [name, run] of Object.entries(cases)) {
  number++;
  try {
    await run();
    console.log(`ok ${number} - ${name}`);
  } catch (e) {
    bad++;
    console.log(`not ok ${number} - ${name}: ${e.message.split('\n')[0]}`);
  }
}
console.log(`1..${number}`);
process.exit(bad ? 1 : 0);
