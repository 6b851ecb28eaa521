// Cuts the microphone's sound into chunks of 20 ms, at the rate that this context has.

const CHUNKS_PER_S = 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunk = new Int16Array(Math.round(sampleRate / CHUNKS_PER_S));
    this.filled = 0;
    this.squares = 0; // of this chunk's samples, for the meter
  }

  process([[samples]]) {
    // Without a channel the track has ended, or has not begun.
    for (const sample of samples ?? []) {
      const scaled = Math.round(sample * 32768);
      this.chunk[this.filled++] = Math.max(-32768, Math.min(32767, scaled));
      this.squares += sample * sample;
      if (this.filled === this.chunk.length) this.send();
    }
    return true;
  }

  send() {
    const level = Math.sqrt(this.squares / this.filled);
    const { buffer } = this.chunk;
    this.chunk = new Int16Array(this.chunk.length);
    this.filled = 0;
    this.squares = 0;
    this.port.postMessage({ pcm: buffer, level }, [buffer]);
  }
}

registerProcessor("capture", Capture);
