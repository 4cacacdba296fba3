// SPDX-License-Identifier: MIT
// What the suites for node share: packages from SDK_ROOT, TAP lines, and what the scripted upstream saw.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(path.join(process.env.SDK_ROOT, 'package.json'));
export const load = (name) => import(pathToFileURL(require.resolve(name)));
export const { POSTERN_URL: url, POSTERN_SCRIPTED: scripted } = process.env;
export const dialects = (process.env.POSTERN_DIALECTS ?? 'vllm').split(' ');

const key = (model) => {
  const at = model.lastIndexOf('-');
  return new URLSearchParams({ dialect: model.slice(at + 1), model: model.slice(0, at) });
};

// Drops what the upstream kept of a model (SCRIPT-DIALECT); its count of attempts begins again.
export async function forget(model) {
  await fetch(`${scripted}/_forget?${key(model)}`, { method: 'POST' });
  return model;
}

// The requests that reached the upstream for a model, oldest first, each {path, headers, body}.
export async function requests(model) {
  const all = await (await fetch(`${scripted}/_requests?${key(model)}`)).json();
  return all.filter((r) => /(chat\/completions|messages)$/.test(r.path));
}

export async function fails(promise, status, check = () => {}) {
  let error;
  try {
    await promise;
  } catch (e) {
    error = e;
  }
  assert.ok(error, 'no error');
  assert.equal(error.status ?? error.statusCode ?? error.lc_error_code, status, error.message);
  check(error);
}

// Runs {name: function}; with dialects each once for each of them. Words on the command line choose.
export async function run(cases, each = [undefined]) {
  let number = 0;
  let bad = 0;
  for (const [name, body] of Object.entries(cases)) {
    for (const dialect of each) {
      const title = dialect ? `${name} [${dialect}]` : name;
      const words = process.argv.slice(2);
      if (words.length && !words.some((w) => title.includes(w))) continue;
      number++;
      try {
        await body(dialect);
        console.log(`ok ${number} - ${title}`);
      } catch (e) {
        bad++;
        console.log(`not ok ${number} - ${title}: ${String(e.message).replaceAll('\n', ' ').slice(0, 1500)}`);
        if (process.env.POSTERN_TRACE) console.error(e);
      }
    }
  }
  console.log(`1..${number}`);
  process.exitCode = bad ? 1 : 0;
}
