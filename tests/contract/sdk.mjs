// SPDX-License-Identifier: MIT
// Each scene through the SDK in SDK_ROOT, as a stream and whole: both must be the same message. Prints "read SCENE" for each.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import assert from "node:assert";

const load = createRequire(process.env.SDK_ROOT + "/package.json");
const { default: Anthropic } = await import(pathToFileURL(load.resolve("@anthropic-ai/sdk")).href);
const client = new Anthropic({
  apiKey: process.env.POSTERN_KEY, authToken: null, baseURL: process.env.POSTERN_URL, maxRetries: 0,
});

const object = { type: "object", properties: {} };
// What differs from call to call by right: our ids and signatures.
const settled = ({ content, stop_reason, stop_sequence }) => ({
  stop_reason, stop_sequence,
  content: content.map(({ id, signature, ...rest }) => ({ ...rest, id: typeof id, signed: Boolean(signature) })),
});

for (const model of process.argv.slice(2)) {
  const request = {
    model, max_tokens: 2048, stop_sequences: ["STOP"], messages: [{ role: "user", content: "Hi" }],
    tools: ["read", "now"].map((name) => ({ name, input_schema: object })),
    ...(model.includes("thinking") || model.includes("mixed") ? { thinking: { type: "enabled", budget_tokens: 1024 } } : {}),
  };
  const whole = await client.messages.create(request);
  const streamed = await client.messages.stream(request).finalMessage();
  assert.deepStrictEqual(settled(streamed), settled(whole), model);
  assert.ok(whole.usage.input_tokens > 0 && streamed.usage.output_tokens === whole.usage.output_tokens, model);
  console.log("read " + model);
}
