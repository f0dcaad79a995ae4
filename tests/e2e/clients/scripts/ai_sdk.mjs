// Vercel's AI SDK: node ai_sdk.mjs '<Setup>' openai|anthropic|compatible [node_modules].  As harness.py.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { crc32, deflateSync } from 'node:zlib'

globalThis.AI_SDK_LOG_WARNINGS = false
const [setupText, kind, folder] = process.argv.slice(2)
const setup = JSON.parse(setupText)
const require = createRequire(pathToFileURL(`${folder}/package.json`))
const load = (name) => import(pathToFileURL(require.resolve(name)).href)
const packages = { openai: '@ai-sdk/openai', anthropic: '@ai-sdk/anthropic', compatible: '@ai-sdk/openai-compatible' }
const { APICallError, generateText, isStepCount, jsonSchema, Output, streamText, tool } = await load('ai')
const provider = await load(packages[kind])

const HELLO = 'Hello from the other side'
const SAY = `#do say ${HELLO}`
const CALL = '#do call weather {"city":"Oslo"}'
const CALLS = `${CALL}\n#do call weather {"city":"Rome"}`
const WEATHER = { Oslo: '11 degrees in Oslo', Rome: '23 degrees in Rome' }
const CITY = '{"celsius":7,"name":"text","tags":["text"]}' // its keys sorted
const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string' }, celsius: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } } },
  required: ['name', 'celsius', 'tags'],
  additionalProperties: false,
}
const PARAMETERS = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }

function model(name, key) {
  const options = { baseURL: `${setup.url}/v1`, apiKey: key ?? setup.key }
  if (kind === 'openai') return provider.createOpenAI(options)(name)
  if (kind === 'anthropic') return provider.createAnthropic(options)(name)
  return provider.createOpenAICompatible({ name: 'sluice', supportsStructuredOutputs: true, ...options })(name)
}

function picture() {
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(9, 120)])
  const head = Buffer.alloc(13)
  head.writeUInt32BE(3, 0)
  head.writeUInt32BE(2, 4)
  head.set([8, 2, 0, 0, 0], 8)
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data])
    const size = Buffer.alloc(4)
    const sum = Buffer.alloc(4)
    size.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([size, body, sum])
  }
  const start = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const rows = deflateSync(Buffer.concat([row, row]))
  return Buffer.concat([start, chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))])
}

function expect(found, wanted, what = 'answer') {
  if (found !== wanted) throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`)
}

function within(wanted, found, what = 'answer') {
  if (!String(found).includes(wanted)) throw new Error(`${what}: ${JSON.stringify(found)} lacks ${wanted}`)
}

function sorted(value) {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => a.localeCompare(b))))
}

async function refused(status, action, what) {
  let given
  try {
    given = await action()
  } catch (error) {
    if (!APICallError.isInstance(error)) throw error
    expect(error.statusCode, status, what)
    return error
  }
  throw new Error(`${what}: no error but ${JSON.stringify(given)}`)
}

const weather = tool({
  description: 'The weather in a city',
  inputSchema: jsonSchema(PARAMETERS),
  execute: async ({ city }) => WEATHER[city],
})

// A stream's parts; errors in it are parts too.
async function parts(options) {
  const found = []
  for await (const part of streamText({ maxRetries: 0, onError() {}, ...options }).fullStream) found.push(part)
  return found
}

function said(found) {
  return found.filter((part) => part.type === 'text-delta').map((part) => part.text).join('')
}

function scenarios(name) {
  const it = model(name)
  const ask = (prompt, more = {}) => generateText({ model: it, prompt, maxRetries: 0, ...more })
  return {
    async chat() {
      const answer = await ask(SAY, { system: 'Be brief.', temperature: 0.5, maxOutputTokens: 200 })
      expect(answer.text, HELLO)
      expect(answer.finishReason, 'stop', 'finish')
      if (!(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0)) throw new Error(JSON.stringify(answer.usage))
      expect((await ask(SAY)).text, HELLO, 'without a ceiling')
    },
    async stream() {
      const found = await parts({ model: it, prompt: SAY })
      expect(said(found), HELLO)
      expect(found.at(-1).finishReason, 'stop', 'finish')
    },
    async tools() {
      const more = { tools: { weather }, stopWhen: isStepCount(3) }
      within(WEATHER.Oslo, (await ask(CALL, more)).text)
      const both = await ask(CALLS, more)
      within(WEATHER.Oslo, both.text)
      within(WEATHER.Rome, both.text)
      const streamed = said(await parts({ model: it, prompt: CALLS, ...more }))
      within(WEATHER.Oslo, streamed, 'stream')
      within(WEATHER.Rome, streamed, 'stream')
    },
    async structured() {
      const output = Output.object({ schema: jsonSchema(SCHEMA) })
      expect(sorted((await ask('#do json', { output })).output), CITY)
    },
    async images() {
      const content = [
        { type: 'text', text: 'What do you see?\n#do look' },
        { type: 'file', data: picture(), mediaType: 'image/png' },
      ]
      const answer = await generateText({ model: it, maxRetries: 0, messages: [{ role: 'user', content }] })
      expect(answer.text, '1 picture: image/png 3x2')
    },
    async errors() {
      const fails = model(setup.gateway ? `${name.replace(/-drop$/, '')}-fails` : name)
      await refused(400, () => ask('#do fail 400', { model: fails }), 'bad request')
      const broken = await parts({ model: fails, prompt: '#do say This will not come whole\n#do break' })
      if (!broken.some((part) => part.type === 'error')) throw new Error(`no error in ${JSON.stringify(broken)}`)
      await refused(401, () => ask(SAY, { model: model(name, 'sk-wrong') }), 'wrong key')
      if (setup.spent_key) {
        const spent = await refused(429, () => ask(SAY, { model: model(name, setup.spent_key) }), 'spent budget')
        within('insufficient_quota', spent.responseBody, 'spent budget')
      }
      await refused(429, () => ask('#do fail 429 retry-after=1', { model: fails }), 'rate limited')
    },
  }
}

async function tried(action) {
  try {
    return { ok: true, detail: (await action()) ?? '' }
  } catch (error) {
    return { ok: false, detail: `${error.name}: ${error.message} ${error.responseBody ?? ''}`.slice(0, 2000) }
  }
}

const results = {}
for (const name of setup.models) {
  results[name] = {}
  const dropping = setup.gateway ? scenarios(`${name}-drop`) : {}
  for (const [scenario, action] of Object.entries(scenarios(name))) {
    const first = await tried(action)
    const again = !first.ok && scenario in dropping && first.detail.includes('dropUnsupported')
    results[name][scenario] = again ? { ...(await tried(dropping[scenario])), refused: first.detail } : first
  }
}
const { version } = JSON.parse(readFileSync(`${folder}/node_modules/${packages[kind]}/package.json`))
console.log(JSON.stringify({ version, results }))
