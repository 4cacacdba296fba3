// SPDX-License-Identifier: MIT
// The AI SDK and LangChain for JavaScript: whole and streamed, at once and after pings (ruling 3). Prints TAP lines.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(path.join(process.env.SDK_ROOT, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { createAnthropic } = await load('@ai-sdk/anthropic');
const { generateText, streamText } = await load('ai');
const { ChatAnthropic } = await load('@langchain/anthropic');
const url = process.env.POSTERN_URL;

const ai = createAnthropic({ baseURL: `${url}/v1`, apiKey: 'any' });
const chain = (model) => new ChatAnthropic({ model, apiKey: 'any', anthropicApiUrl: url, maxTokens: 64, maxRetries: 0 });

const cases = {
  // docs/decisions/006: an older one refuses `citations: null`.
  async 'ai: generateText'(model) {
    const answer = await generateText({ model: ai(model), prompt: 'Say something', maxRetries: 0 });
    assert.match(answer.text, /<1:/);
    assert.equal(answer.finishReason, 'stop');
  },

  async 'ai: streamText'(model) {
    const answer = streamText({ model: ai(model), prompt: 'Say something', maxRetries: 0 });
    let text = '';
    for await (const piece of answer.textStream) text += piece;
    assert.match(text, /<1:/);
    assert.equal(await answer.finishReason, 'stop');
  },

  async 'langchain: invoke'(model) {
    assert.match((await chain(model).invoke('Say something')).content, /<1:/);
  },

  async 'langchain: stream'(model) {
    let text = '';
    for await (const piece of await chain(model).stream('Say something')) text += piece.content;
    assert.match(text, /<1:/);
  },
};

let number = 0;
let bad = 0;
for (const [name, run] of Object.entries(cases)) {
  for (const model of ['plain', 'late']) {
    number++;
    try {
      await run(model);
      console.log(`ok ${number} - ${name} ${model}`);
    } catch (e) {
      bad++;
      console.log(`not ok ${number} - ${name} ${model}: ${e.message.split('\n')[0]}`);
    }
  }
}
console.log(`1..${number}`);
process.exit(bad ? 1 : 0);
