// SPDX-License-Identifier: MIT
// The AI SDK and LangChain for JavaScript: tools, objects, thinking, images, errors on each kind of server. TAP lines.
import assert from 'node:assert/strict';
import { dialects, fails, forget, load, requests, run, url } from './tap.mjs';

const { createAnthropic } = await load('@ai-sdk/anthropic');
const { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } = await load('ai');
const { ChatAnthropic } = await load('@langchain/anthropic');
const { AIMessage, HumanMessage, ToolMessage } = await load('@langchain/core/messages');

globalThis.AI_SDK_LOG_WARNINGS = false;
const ai = createAnthropic({ baseURL: `${url}/v1`, apiKey: 'any' });
const chain = (model, more = {}) => new ChatAnthropic({
  model, apiKey: 'any', anthropicApiUrl: url, maxTokens: 4000, maxRetries: 0, ...more,
});
const CITIES = ['Paris', 'Łódź', 'São Paulo'];
const schema = {
  type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false,
};
const tools = {
  get_weather: tool({
    description: 'Weather of a city', inputSchema: jsonSchema(schema), execute: async ({ city }) => `sunny in ${city}`,
  }),
};
const chainTools = [{ name: 'get_weather', description: 'Weather of a city', input_schema: schema }];
const report = {
  type: 'object', properties: { name: { type: 'string' }, size: { type: 'integer' } }, required: ['name', 'size'],
};
const stopWhen = stepCountIs(3);
const all = `The answers were: ${CITIES.map((c) => `sunny in ${c}`).join('; ')}`;
const pixel = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(60)]);

await run({
  async 'ai: a tool round'(dialect) {
    const { text, steps } = await generateText({ model: ai(`weather-${dialect}`), prompt: 'Weather?', tools, stopWhen });
    assert.equal(text, `The answer was: sunny in ${CITIES[1]}`);
    assert.equal(steps.length, 2);
  },

  async 'ai: parallel tools, streamed'(dialect) {
    const model = await forget(`weather3-${dialect}`);
    const answer = streamText({ model: ai(model), prompt: 'Weather?', tools, stopWhen });
    let text = '';
    for await (const piece of answer.textStream) text += piece;
    assert.equal(text, all);
    const [first, second] = (await requests(model)).map((r) => r.body);
    if (first.messages[0].content.length === 1) return; // the native wire: cache marks may move
    assert.deepEqual(second.messages.slice(0, first.messages.length), first.messages, 'P3: the prefix changed');
  },

  async 'ai: an object'(dialect) {
    const model = ai(`structured-${dialect}`);
    const { object } = await generateObject({ model, prompt: 'Report', schema: jsonSchema(report) });
    assert.deepEqual(object, { name: 'scripted', size: 7 });
  },

  async 'ai: thinking with a tool'(dialect) {
    const options = { anthropic: { thinking: { type: 'enabled', budgetTokens: 2000 } } };
    const answer = streamText({
      model: ai(`thinker_tool-${dialect}`), prompt: 'Weather?', tools, stopWhen, providerOptions: options,
    });
    assert.match(await answer.text, /sunny in Paris/);
    assert.match((await answer.steps)[0].reasoningText, /I need the weather/);
  },

  async 'ai: an image'(dialect) {
    const content = [{ type: 'text', text: 'What?' }, { type: 'image', image: pixel, mediaType: 'image/png' }];
    const { text } = await generateText({ model: ai(`viewer-${dialect}`), messages: [{ role: 'user', content }] });
    const seen = dialect === 'deepseek' ? 'I see 0: ' : 'I see 1: image/png 68 bytes'; // it has no eyes (ruling 42)
    assert.equal(text, seen);
  },

  async 'ai: errors'(dialect) {
    const ask = (script) => generateText({ model: ai(`${script}-${dialect}`), prompt: 'Hi', maxRetries: 0 });
    await fails(ask('overflow'), 400, (e) => assert.match(e.message, /prompt is too long/));
    await fails(ask('overloaded'), 529);
  },

  async 'langchain: a round of parallel tools'(dialect) {
    const model = chain(`weather3-${dialect}`).bindTools(chainTools);
    const said = await model.invoke([new HumanMessage('Weather?')]);
    assert.deepEqual(said.tool_calls.map((c) => c.args), CITIES.map((city) => ({ city })));
    const results = said.tool_calls.map((c) => (
      new ToolMessage({ tool_call_id: c.id, content: `sunny in ${c.args.city}` })));
    assert.equal((await model.invoke([new HumanMessage('Weather?'), said, ...results])).content, all);
  },

  async 'langchain: parallel tools, streamed'(dialect) {
    let said;
    for await (const piece of await chain(`weather3-${dialect}`).bindTools(chainTools).stream('Weather?')) {
      said = said ? said.concat(piece) : piece;
    }
    assert.deepEqual(said.tool_calls.map((c) => c.args), CITIES.map((city) => ({ city })));
  },

  async 'langchain: structured output'(dialect) {
    const model = chain(`structured-${dialect}`).withStructuredOutput(report, { name: 'report' });
    assert.deepEqual(await model.invoke('Report'), { name: 'scripted', size: 7 });
  },

  async 'langchain: thinking and its replay'(dialect) {
    const thinking = { type: 'enabled', budget_tokens: 2000 };
    const model = chain(`thinker_tool-${dialect}`, { thinking }).bindTools(chainTools);
    const said = await model.invoke('Weather?');
    assert.equal(said.content[0].type, 'thinking');
    const result = new ToolMessage({ tool_call_id: said.tool_calls[0].id, content: 'sunny in Paris' });
    const last = await model.invoke([new HumanMessage('Weather?'), new AIMessage(said), result]);
    assert.match(JSON.stringify(last.content), /Result: sunny in Paris/);
  },
}, dialects);
