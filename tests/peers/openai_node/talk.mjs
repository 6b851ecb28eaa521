// One conversation of the `openai` package with a server; see ../README.md for its input and output.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import OpenAI, { AzureOpenAI } from 'openai';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { VERSION } from 'openai/version';
import { WebSocket } from 'ws';

const order = JSON.parse(readFileSync(0, 'utf8'));
const result = { versions: { openai: VERSION, node: process.version }, events: [], errors: [] };
Object.assign(result, { unknown: [], heard: '', said: '', audio_bytes: 0, calls: [] });

// The package checks nothing at run time: its declarations tell which events it knows.
const declared = new URL('./resources/realtime/realtime.d.ts', import.meta.resolve('openai'));
const known = new Set(
  [...readFileSync(declared, 'utf8').matchAll(/^ {4}type: '([\w.]+)';/gm)].map((match) => match[1]),
);

async function open() {
  const client = new OpenAI({ apiKey: order.key, baseURL: order.url });
  const model = 'gpt-realtime';
  if (order.browser) {
    // As a web page does: with a secret that its own server has made for it.
    const session = { type: 'realtime', model };
    const secret = await client.realtime.clientSecrets.create({ session });
    const page = new OpenAI({ apiKey: secret.value, baseURL: order.url });
    globalThis.WebSocket = WebSocket; // Node has one of its own from version 22 on
    return new OpenAIRealtimeWebSocket({ model }, page);
  }
  // The package makes every URL a wss one; this is how it is brought to speak without TLS.
  const { hostname, port, protocol } = new URL(order.url);
  const options = protocol === 'http:' ? { createConnection: () => connect(port, hostname) } : {};
  if (order.azure) {
    // Version 6 asks for /openai/realtime?deployment=…, version 7 for /openai/v1/realtime?model=….
    const endpoint = new URL(order.url).origin;
    const about = { endpoint, apiVersion: '2025-04-01-preview', deployment: model };
    const azure = new AzureOpenAI({ apiKey: order.key, ...about });
    return await OpenAIRealtimeWS.azure(azure, { options });
  }
  return new OpenAIRealtimeWS({ model, options }, client);
}

const realtime = await open();
const closed = new Promise((resolve) => realtime.socket.addEventListener('close', resolve));
realtime.on('error', (error) => result.errors.push(error.message));
realtime.on('event', (event) => {
  result.events.push(event.type);
  if (!known.has(event.type)) result.unknown.push(event.type);
});
realtime.on('conversation.item.input_audio_transcription.completed', (event) => {
  result.heard = event.transcript;
});
realtime.on('response.output_text.delta', (event) => (result.said += event.delta));
realtime.on('response.output_audio_transcript.delta', (event) => (result.said += event.delta));
realtime.on('response.output_audio.delta', (event) => {
  result.audio_bytes += Buffer.from(event.delta, 'base64').length;
});

const arrival = (type) => new Promise((resolve) => realtime.once(type, resolve));

function say(text) {
  const content = [{ type: 'input_text', text }];
  const item = { type: 'message', role: 'user', content };
  realtime.send({ type: 'conversation.item.create', item });
  realtime.send({ type: 'response.create' });
}

function speak(file) {
  const pcm = readFileSync(file);
  for (let start = 0; start < pcm.length; start += 4800) {
    const audio = pcm.subarray(start, start + 4800).toString('base64');
    realtime.send({ type: 'input_audio_buffer.append', audio });
  }
}

async function answer() {
  for (;;) {
    const { response } = await arrival('response.done');
    const call = response.output.find((item) => item.type === 'function_call');
    if (!call) return;
    result.calls.push({ name: call.name, arguments: JSON.parse(call.arguments) });
    const item = { type: 'function_call_output', call_id: call.call_id, output: order.tool_output };
    realtime.send({ type: 'conversation.item.create', item });
    realtime.send({ type: 'response.create' });
  }
}

await arrival('session.created');
realtime.send({
  type: 'session.update',
  session: {
    type: 'realtime',
    output_modalities: [order.modality],
    audio: {
      input: {
        turn_detection: { type: 'server_vad' },
        transcription: { model: 'gpt-4o-mini-transcribe' },
      },
    },
    tools: order.tool ? [{ type: 'function', ...order.tool }] : [],
  },
});
await arrival('session.updated');
const done = answer();
if (order.text) say(order.text);
else speak(order.pcm);
await done;
realtime.close();
await closed;
console.log(JSON.stringify(result));
