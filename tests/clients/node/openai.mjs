// SPDX-License-Identifier: MIT
// OpenAI's TypeScript SDK through both of its doors: Chat Completions and Responses. Prints TAP lines.
import assert from 'node:assert/strict';
import { dialects, fails, forget, load, requests, run, url } from './tap.mjs';

const { OpenAI } = await load('openai');
const client = (more = {}) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0, ...more });

const HELLO = 'Hello — here is a whole sentence, in pieces. ✓';
const CITIES = ['Paris', 'Łódź', 'São Paulo'];
const ALL = `The answers were: ${CITIES.map((c) => `sunny in ${c}`).join('; ')}`;
const city = {
  type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false,
};
const report = {
  type: 'object', properties: { name: { type: 'string' }, size: { type: 'integer' } },
  required: ['name', 'size'], additionalProperties: false,
};
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'Weather', parameters: city } }];
const flatTools = [{ type: 'function', name: 'get_weather', description: 'Weather', parameters: city, strict: false }];
const user = (content) => ({ role: 'user', content });
const chat = (model, messages, more = {}) => client().chat.completions.create({ model, messages, ...more });
const respond = (model, input, more = {}) => client().responses.create({ model, input, store: false, ...more });
const cities = (calls) => calls.map((c) => JSON.parse((c.function ?? c).arguments).city);

await run({
  async 'chat: create and stream'(dialect) {
    const whole = await chat(`hello-${dialect}`, [user('Hi')]);
    assert.equal(whole.choices[0].message.content, HELLO);
    const stream = client().chat.completions.stream({
      model: `hello-${dialect}`, messages: [user('Hi')], stream_options: { include_usage: true },
    });
    const final = await stream.finalChatCompletion();
    assert.equal(final.choices[0].message.content, HELLO);
    assert.equal(final.usage.completion_tokens, 20);
  },

  async 'chat: a round of parallel tools'(dialect) {
    const model = await forget(`weather3-${dialect}`);
    const { message } = (await chat(model, [user('Weather?')], { tools })).choices[0];
    assert.deepEqual(cities(message.tool_calls), CITIES);
    const results = message.tool_calls.map((c) => (
      { role: 'tool', tool_call_id: c.id, content: `sunny in ${JSON.parse(c.function.arguments).city}` }));
    const last = await chat(model, [user('Weather?'), message, ...results], { tools });
    assert.equal(last.choices[0].message.content, ALL);
    const [first, second] = (await requests(model)).map((r) => r.body);
    assert.deepEqual(second.messages.slice(0, first.messages.length), first.messages, 'P3: the prefix changed');
  },

  async 'chat: tools, streamed'(dialect) {
    const body = { model: `weather3-${dialect}`, messages: [user('Weather?')], tools };
    const stream = client().chat.completions.stream(body);
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
    assert.equal(finish_reason, 'tool_calls');
    assert.deepEqual(cities(message.tool_calls), CITIES);
  },

  async 'chat: structured output'(dialect) {
    const format = { type: 'json_schema', json_schema: { name: 'report', schema: report, strict: true } };
    const said = await chat(`structured-${dialect}`, [user('Report')], { response_format: format });
    const text = said.choices[0].message.content;
    assert.deepEqual(JSON.parse(text), { name: 'scripted', size: 7 });
  },

  async 'chat: errors'(dialect) {
    await fails(chat(`overflow-${dialect}`, [user('Hi')]), 400, (e) => assert.equal(e.code, 'context_length_exceeded'));
    await fails(chat('no-such-model', [user('Hi')]), 404);
    await fails(chat(`hello-${dialect}`, [user('Hi')], { n: 2 }), 400);
    const cut = client().chat.completions.stream({ model: `cut_short-${dialect}`, messages: [user('Hi')] });
    await assert.rejects(cut.finalChatCompletion());
  },

  async 'responses: create and stream'(dialect) {
    assert.equal((await respond(`hello-${dialect}`, 'Hi')).output_text, HELLO);
    const kinds = [];
    let text = '';
    for await (const event of await respond(`hello-${dialect}`, 'Hi', { stream: true })) {
      kinds.push(event.type);
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    assert.equal(kinds[0], 'response.created');
    assert.equal(kinds.at(-1), 'response.completed');
    assert.equal(text, HELLO);
  },

  async 'responses: a round of parallel tools'(dialect) {
    const said = await respond(`weather3-${dialect}`, [user('Weather?')], { tools: flatTools });
    const calls = said.output.filter((i) => i.type === 'function_call');
    assert.deepEqual(cities(calls), CITIES);
    const results = calls.map((c) => (
      { type: 'function_call_output', call_id: c.call_id, output: `sunny in ${JSON.parse(c.arguments).city}` }));
    const history = [user('Weather?'), ...said.output, ...results];
    const last = await respond(`weather3-${dialect}`, history, { tools: flatTools });
    assert.equal(last.output_text, ALL);
  },

  async 'responses: tools, streamed'(dialect) {
    const stream = client().responses.stream({
      model: `weather3-${dialect}`, input: [user('Weather?')], tools: flatTools, store: false,
    });
    const calls = (await stream.finalResponse()).output.filter((i) => i.type === 'function_call');
    assert.deepEqual(cities(calls), CITIES);
  },

  async 'responses: reasoning'(dialect) {
    const said = await respond(`thinker-${dialect}`, 'Decide', { reasoning: { effort: 'high', summary: 'auto' } });
    assert.deepEqual(said.output.map((i) => i.type), ['reasoning', 'message']);
    assert.equal(said.output_text.trim(), 'I have decided.');
  },

  async 'responses: structured output'(dialect) {
    const text = { format: { type: 'json_schema', name: 'report', schema: report, strict: true } };
    const said = (await respond(`structured-${dialect}`, 'Report', { text })).output_text;
    assert.deepEqual(JSON.parse(said), { name: 'scripted', size: 7 });
  },

  async 'responses: errors'(dialect) {
    await fails(respond(`overflow-${dialect}`, 'Hi'), 400, (e) => assert.equal(e.code, 'context_length_exceeded'));
    await fails(respond(`hello-${dialect}`, 'Hi', { previous_response_id: 'resp_1' }), 400);
  },
}, dialects);
