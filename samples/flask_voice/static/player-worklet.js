// Plays what comes in pieces: a jitter buffer, and exact books about which samples were rendered.
//
// A part of an answer begins when so many frames of it are here as the jitter buffer has, or all of
// it. Where it runs dry, silence goes in until there are twice as many: samples are late then, and
// never lost, and the next gap has to be longer to be heard.

const PREBUFFER = sampleRate / 10;
const LONGEST_PREBUFFER = sampleRate * 0.8;
const FADE = 128; // frames, about 5 ms: a cut in the middle of a wave would click
const TELL_EVERY = sampleRate / 10;

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = []; // {part, samples, at}: what waits, and how much of it is played
    this.done = new Set(); // the parts that are here to their end
    this.next = new Map(); // by part: the number of its sample that is rendered next
    this.playing = null; // the part
    this.dry = null; // the part that ran out of samples, if more of it is to come
    this.fade = new Float32Array(0);
    this.spans = []; // {part, from, frame, length}: rendered since this was told
    this.untold = 0; // frames
    this.underruns = 0;
    this.prebuffer = PREBUFFER;
    this.port.onmessage = ({ data }) => this[data.type](data);
  }

  begin({ part, from }) {
    this.next.set(part, from);
  }

  audio({ part, pcm }) {
    this.queue.push({ part, samples: new Int16Array(pcm), at: 0 });
    if (part === this.dry) {
      this.underruns += 1;
      this.prebuffer = Math.min(this.prebuffer * 2, LONGEST_PREBUFFER);
      this.dry = null;
    }
  }

  end({ part }) {
    this.done.add(part);
  }

  // Stop. What fades out is not counted as heard.
  clear({ id }) {
    const next = this.upcoming(FADE);
    this.fade = Float32Array.from(next, (sample, at) => (sample / 32768) * (1 - (at + 1) / FADE));
    this.queue = [];
    this.done.clear();
    this.next.clear();
    this.playing = this.dry = null;
    this.tell({ cleared: id });
  }

  upcoming(length) {
    const found = [];
    for (const { part, samples, at } of this.queue) {
      if (part !== this.playing || found.length >= length) break;
      found.push(...samples.subarray(at, at + length - found.length));
    }
    return found;
  }

  process(_inputs, [[out]]) {
    let filled = this.takeFade(out);
    while (filled < out.length && this.mayPlay()) filled += this.take(out, filled);
    this.untold += out.length;
    if (this.untold >= TELL_EVERY) this.tell();
    return true;
  }

  takeFade(out) {
    const taken = this.fade.subarray(0, out.length);
    out.set(taken);
    this.fade = this.fade.subarray(taken.length);
    return taken.length;
  }

  mayPlay() {
    const [first] = this.queue;
    if (this.playing !== null && first?.part !== this.playing) this.leave();
    if (first === undefined || this.playing === first.part) return first !== undefined;
    if (!this.isEnough(first.part)) return false;
    this.playing = first.part;
    return true;
  }

  // The part that played has no more samples here.
  leave() {
    if (this.done.delete(this.playing)) this.next.delete(this.playing);
    else this.dry = this.playing;
    this.playing = null;
  }

  // All of a part is here also where another one has begun, though nobody has said so.
  isEnough(part) {
    const isAll = this.done.has(part) || this.queue.at(-1).part !== part;
    return isAll || this.waitingOf(part) >= this.prebuffer;
  }

  waitingOf(part) {
    const lengths = this.queue.map((each) => (each.part === part ? each.samples.length - each.at : 0));
    return lengths.reduce((sum, length) => sum + length, 0);
  }

  take(out, from) {
    const first = this.queue[0];
    const samples = first.samples.subarray(first.at, first.at + out.length - from);
    samples.forEach((sample, index) => (out[from + index] = sample / 32768));
    this.note(first.part, currentFrame + from, samples.length);
    first.at += samples.length;
    if (first.at === first.samples.length) this.queue.shift();
    return samples.length;
  }

  note(part, frame, length) {
    const from = this.next.get(part);
    this.next.set(part, from + length);
    const last = this.spans.at(-1);
    if (last?.part === part && last.frame + last.length === frame) last.length += length;
    else this.spans.push({ part, from, frame, length });
  }

  tell(more = {}) {
    this.port.postMessage({ spans: this.spans, underruns: this.underruns, ...more });
    this.spans = [];
    this.untold = 0;
  }
}

registerProcessor("player", Player);
