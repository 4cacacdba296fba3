// SPDX-License-Identifier: MIT
// The TypeScript SDK against every kind of server: tools, thinking, images, counts, errors. Prints TAP lines.
import assert from 'node:assert/strict';
import { dialects, fails, forget, load, requests, run, url } from './tap.mjs';

const { Anthropic } = await load('@anthropic-ai/sdk');
const client = (more = {}) => new Anthropic({ baseURL: url, apiKey: 'any', maxRetries: 0, ...more });

const CITIES = ['Paris', 'Łódź', 'São Paulo'];
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tools = [{ name: 'get_weather', description: 'Weather of a city', input_schema: schema }];
const pixel = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(60)]).toString('base64');
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } };
const user = (content) => ({ role: 'user', content });
const textOf = (m) => m.content.filter((b) => b.type === 'text').map((b) => b.text).join('');

async function ask(model, messages, streamed, more = {}) {
  const body = { model, max_tokens: 4000, messages, ...more };
  return streamed ? client().messages.stream(body).finalMessage() : client().messages.create(body);
}

// The results, last first: clients send them in the order of completion.
const answer = (m) => user(m.content.filter((b) => b.type === 'tool_use').reverse()
  .map((b) => ({ type: 'tool_result', tool_use_id: b.id, content: `sunny in ${b.input.city}` })));

const inputs = (m) => m.content.filter((b) => b.type === 'tool_use').map((b) => b.input);
const modes = [false, true];

await run({
  async 'one tool round'(dialect) {
    const model = `weather-${dialect}`;
    for (const streamed of modes) {
      await forget(model);
      const said = await ask(model, [user('Weather?')], streamed, { tools });
      assert.equal(said.stop_reason, 'tool_use');
      assert.deepEqual(said.content.map((b) => b.type), ['text', 'tool_use']);
      assert.deepEqual(inputs(said), [{ city: CITIES[1] }]);
      const history = [user('Weather?'), { role: 'assistant', content: said.content }, answer(said)];
      const last = await ask(model, history, streamed, { tools });
      assert.equal(textOf(last), `The answer was: sunny in ${CITIES[1]}`);
      const [first, second] = (await requests(model)).map((r) => r.body);
      assert.deepEqual(second.messages.slice(0, first.messages.length), first.messages, 'P3: the prefix changed');
    }
  },

  async 'three parallel tools'(dialect) {
    const model = `weather3-${dialect}`;
    for (const streamed of modes) {
      const said = await ask(model, [user('Weather?')], streamed, { tools });
      assert.deepEqual(inputs(said), CITIES.map((city) => ({ city })));
      const history = [user('Weather?'), { role: 'assistant', content: said.content }, answer(said)];
      assert.equal(textOf(await ask(model, history, streamed, { tools })),
        `The answers were: ${CITIES.map((c) => `sunny in ${c}`).join('; ')}`);
    }
  },

  async 'one call where parallel ones are not wanted'(dialect) {
    if (dialect === 'anthropic') return;
    const choice = { tool_choice: { type: 'auto', disable_parallel_tool_use: true } };
    for (const streamed of modes) {
      const said = await ask(`weather3-${dialect}`, [user('Weather?')], streamed, { tools, ...choice });
      assert.deepEqual(inputs(said), [{ city: CITIES[0] }]);
    }
  },

  async 'forced tool'(dialect) {
    const choice = { tool_choice: { type: 'tool', name: 'get_weather' } };
    const said = await ask(`structured-${dialect}`, [user('Go')], true, { tools, ...choice });
    assert.deepEqual(inputs(said), [{ city: 'scripted' }]);
  },

  async 'thinking and its replay'(dialect) {
    const model = `thinker_tool-${dialect}`;
    const more = { tools, thinking: { type: 'enabled', budget_tokens: 2000 } };
    for (const streamed of modes) {
      const said = await ask(model, [user('Weather?')], streamed, more);
      assert.deepEqual(said.content.map((b) => b.type), ['thinking', 'tool_use']);
      assert.ok(said.content[0].signature.length > 0, 'no signature');
      const history = [user('Weather?'), { role: 'assistant', content: said.content }, answer(said)];
      const last = textOf(await ask(model, history, streamed, more));
      assert.match(last, /sunny in Paris/);
      if (dialect !== 'groq') assert.match(last, /\['I need the weather\.'\]/);
    }
  },

  async 'images, also inside results'(dialect) {
    const call = { type: 'tool_use', id: 'toolu_01', name: 'get_weather', input: { city: 'Paris' } };
    const photo = [{ type: 'text', text: 'a photo' }, image];
    const result = { type: 'tool_result', tool_use_id: 'toolu_01', content: photo };
    const plain = [user([image, { type: 'text', text: 'What?' }])];
    const inside = [user('Look'), { role: 'assistant', content: [call] }, user([result])];
    for (const history of [plain, inside]) {
      const seen = dialect === 'deepseek' ? 'I see 0: ' : 'I see 1: image/png 68 bytes'; // it has no eyes (ruling 42)
      assert.equal(textOf(await ask(`viewer-${dialect}`, history, false, { tools })), seen);
    }
  },

  async 'usage'(dialect) {
    for (const streamed of modes) {
      const { usage } = await ask(`counted-${dialect}`, [user('Count')], streamed);
      assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens], [400, 600, 50]);
    }
  },

  async 'tokens are counted'(dialect) {
    const question = { model: `hello-${dialect}`, messages: [user('Hi')] };
    const count = (more) => client().messages.countTokens({ ...question, ...more });
    const few = (await count({})).input_tokens;
    const many = (await count({ system: 'Be brief. '.repeat(50), tools })).input_tokens;
    assert.ok(few > 0 && many > few, `${few} ${many}`);
  },

  async 'overflow is worded as the real one'(dialect) {
    const check = (e) => assert.match(e.message, /prompt is too long/);
    await fails(ask(`overflow-${dialect}`, [user('Hi')], true), 400, check);
  },

  async 'a rate limit is waited out'(dialect) {
    if (dialect !== dialects[0]) return;
    const model = await forget(`limited-${dialect}`);
    const said = await client({ maxRetries: 1 }).messages.create({ model, max_tokens: 9, messages: [user('Hi')] });
    assert.equal(textOf(said), 'At last.');
    assert.equal((await requests(model)).length, 2);
  },

  async 'an overload is an overload'(dialect) {
    await fails(ask(`overloaded-${dialect}`, [user('Hi')], false), 529,
      (e) => assert.equal(e.error.error.type, 'overloaded_error'));
  },

  async 'broken streams throw'(dialect) {
    for (const script of ['cut_short', 'broken_off']) {
      await assert.rejects(ask(`${script}-${dialect}`, [user('Hi')], true), undefined, script);
    }
  },
}, dialects);
