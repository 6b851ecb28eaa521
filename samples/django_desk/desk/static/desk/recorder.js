// Hands what the microphone brings to the page, in blocks of a tenth of a second or a little less.

const BLOCKS = Math.floor(sampleRate / 10 / 128);

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCKS * 128);
    this.filled = 0;
    this.port.onmessage = () => {
      this.port.postMessage({ samples: this.block.slice(0, this.filled), last: true });
      this.filled = 0;
    };
  }

  process([input]) {
    // No channel: the microphone does not run yet, or no more.
    if (!input.length) return true;
    this.block.set(input[0], this.filled);
    this.filled += input[0].length;
    if (this.filled === this.block.length) {
      this.port.postMessage({ samples: this.block.slice(), last: false });
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
