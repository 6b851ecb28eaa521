// Records the microphone as WAV: 16 bits, mono, at the rate that the browser's sound has.

// Begin, and return what ends it: `stop()` brings the file. `level` is told the loudness (0 to 1) ten
// times a second; after `seconds` `full` is called, once.
export async function record(worklet, { level, seconds, full }) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(worklet);
  } catch (error) {
    end(stream, context);
    throw error;
  }
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  const blocks = [];
  let left = seconds * context.sampleRate;
  let finished;
  const last = new Promise((resolve) => (finished = resolve));
  node.port.onmessage = ({ data }) => {
    blocks.push(data.samples);
    level(Math.max(...data.samples.map(Math.abs), 0));
    if (left > 0 && (left -= data.samples.length) <= 0) full();
    if (data.last) finished();
  };
  context.createMediaStreamSource(stream).connect(node);
  return {
    async stop() {
      node.port.postMessage("stop");
      await last;
      end(stream, context);
      return wav(blocks, context.sampleRate);
    },
  };
}

function end(stream, context) {
  for (const track of stream.getTracks()) track.stop();
  context.close();
}

function wav(blocks, rate) {
  const count = blocks.reduce((sum, block) => sum + block.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of what follows, up to "data"
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // mono
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const block of blocks) {
    for (const sample of block) {
      view.setInt16(at, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
