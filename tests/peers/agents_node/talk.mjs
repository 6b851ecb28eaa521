// One conversation of `@openai/agents-realtime` with a server; see ../README.md for its input and
// output. It has a tool of its own, get_weather.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const order = JSON.parse(readFileSync(0, 'utf8'));
const result = { versions: { node: process.version }, events: [], errors: [], unknown: [] };
Object.assign(result, { heard: '', said: '', audio_bytes: 0, calls: [], answers: [], interrupted: 0 });

const dist = new URL('./', import.meta.resolve('@openai/agents-realtime'));
const about = JSON.parse(readFileSync(new URL('../package.json', dist), 'utf8'));
result.versions[about.name] = about.version;
// What its own parser can't make out, the package passes over in silence.
const { parseRealtimeEvent } = await import(new URL('./openaiRealtimeEvents.mjs', dist));

const getWeather = tool({
  name: 'get_weather',
  description: 'Tell the weather in a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    result.calls.push({ name: 'get_weather', arguments: { city } });
    return order.tool_output;
  },
});
const agent = new RealtimeAgent({ name: 'Friend', tools: order.tool_output ? [getWeather] : [] });
const session = new RealtimeSession(agent, {
  transport: 'websocket',
  model: 'gpt-realtime-2.1',
  tracingDisabled: true,
  config: {
    outputModalities: [order.modality],
    ...(order.vad ? { audio: { input: { turnDetection: { type: order.vad } } } } : {}),
  },
});

session.on('error', (error) => result.errors.push(JSON.stringify(error)));
session.on('transport_event', (event) => {
  result.events.push(event.type);
  if (parseRealtimeEvent({ data: JSON.stringify(event) }).isGeneric) result.unknown.push(event);
});
session.on('audio', ({ data }) => (result.audio_bytes += data.byteLength));
session.on('audio_interrupted', () => (result.interrupted += 1));

const arrival = (type, suits = () => true) =>
  new Promise((resolve) => {
    const look = (event) => {
      if (event.type !== type || !suits(event)) return;
      session.off('transport_event', look);
      resolve(event);
    };
    session.on('transport_event', look);
  });
const answered = () =>
  arrival('response.done', ({ response }) =>
    response.output.every((item) => item.type !== 'function_call'),
  );

function speak(file) {
  const pcm = readFileSync(file);
  for (let start = 0; start < pcm.length; start += 4800) {
    session.sendAudio(new Uint8Array(pcm.subarray(start, start + 4800)).buffer);
  }
}

const updated = arrival('session.updated');
const url = `${order.url.replace(/^http/, 'ws')}/realtime?model=gpt-realtime-2.1`;
await session.connect({ apiKey: order.key, url });
await updated;
// The package fetches the item of what the user said when its transcript is complete.
const heard = order.pcm ? arrival('conversation.item.retrieved') : undefined;
let done = answered();
if (order.text) session.sendMessage(order.text);
else speak(order.pcm);
if (order.interrupt) {
  await arrival('response.output_audio.delta');
  await sleep(order.listen_ms); // the package takes the time that went by for what was heard
  const truncated = arrival('conversation.item.truncated');
  const last = arrival('response.created').then(answered);
  if (order.interrupt === 'button') {
    session.interrupt();
    await done;
    session.sendMessage(order.interrupt_text);
  } else {
    speak(order.interrupt_pcm);
  }
  result.truncated_ms = (await truncated).audio_end_ms;
  done = last;
}
await Promise.all([heard, done]);
for (const item of session.history) {
  const words = (item.content ?? []).map((part) => part.transcript ?? part.text ?? '').join(' ');
  if (item.role === 'user') result.heard = words;
  if (item.role === 'assistant') result.answers.push(words);
}
result.said = result.answers.at(-1);
session.close();
console.log(JSON.stringify(result));
