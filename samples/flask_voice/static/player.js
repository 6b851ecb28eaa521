// Plays an answer as it comes, and knows to the sample what was heard of it.

const RATE = 24000; // of the sound that comes

export class Player {
  // `heard(part)` is called some ten times a second, with each part of which more was heard.
  static async open(heard) {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await context.audioWorklet.addModule(new URL("player-worklet.js", import.meta.url));
    return new Player(context, heard);
  }

  constructor(context, heard) {
    this.context = context;
    this.underruns = 0;
    this.tellHeard = heard;
    this.parts = []; // {item_id, content_index, number, done, clear}; samples received, heard, told
    this.over = new Set(); // the names of parts of which nothing more is wanted
    this.current = null; // the part that sound belongs to as it comes
    this.repeated = 0; // samples that come although they are here already
    this.spans = []; // what was rendered, and is perhaps not heard yet
    this.waiting = new Map(); // who waits for a clear, by its number
    this.numbers = 0;
    const one = { numberOfInputs: 0, outputChannelCount: [1] };
    this.node = new AudioWorkletNode(context, "player", one);
    this.node.port.onmessage = ({ data }) => this.take(data);
    this.node.connect(context.destination);
  }

  // The sound that follows belongs to this part of an item, from its sample `from` on.
  announce({ item_id, content_index, from }) {
    const name = nameOf({ item_id, content_index });
    this.current = null;
    if (this.over.has(name)) return;
    let part = this.find(name);
    if (part?.received < from) this.end(part); // what would stand between them is lost
    if (part === undefined || part.received < from) part = this.begin(item_id, content_index, from);
    this.current = part;
    this.repeated = part.received - from;
  }

  begin(item_id, content_index, from) {
    const part = { item_id, content_index, number: ++this.numbers, done: false, clear: null };
    Object.assign(part, { received: from, heard: from, told: from });
    this.parts.push(part);
    this.post("begin", { part: part.number, from });
    return part;
  }

  write(buffer) {
    if (this.current === null) return;
    const repeated = Math.min(this.repeated, buffer.byteLength / 2);
    this.repeated -= repeated;
    const pcm = buffer.slice(repeated * 2);
    this.current.received += pcm.byteLength / 2;
    this.post("audio", { part: this.current.number, pcm }, [pcm]);
  }

  // All of this part has come.
  end(named) {
    const part = this.find(nameOf(named));
    if (part === undefined) return;
    part.done = true;
    this.post("end", { part: part.number });
  }

  // Be silent at once. Resolves when it is told how much was heard of everything.
  clear() {
    const clear = ++this.numbers;
    for (const part of this.parts) {
      part.clear ??= clear;
      this.over.add(nameOf(part));
    }
    this.current = null;
    this.post("clear", { id: clear });
    return new Promise((done) => this.waiting.set(clear, done));
  }

  get playing() {
    return this.parts.some((part) => part.clear === null && part.heard < part.received);
  }

  // What was heard of the parts that are not over.
  get positions() {
    return this.parts.map(positionOf);
  }

  get suspended() {
    return this.context.state !== "running";
  }

  resume() {
    return this.context.resume();
  }

  close() {
    this.node.port.onmessage = null;
    return this.context.close();
  }

  post(type, data, transfer = []) {
    this.node.port.postMessage({ type, ...data }, transfer);
  }

  find(name) {
    return this.parts.findLast((part) => part.clear === null && nameOf(part) === name);
  }

  take({ spans, underruns, cleared }) {
    this.underruns = underruns;
    this.spans.push(...spans);
    // What was rendered before a clear has gone to the device, and will be heard.
    this.listen(cleared === undefined ? this.outputFrame() : Infinity);
    for (const part of this.parts.filter(({ heard, told }) => heard > told)) {
      part.told = part.heard;
      this.tellHeard(positionOf(part));
    }
    for (const part of this.parts.filter((part) => isOver(part, cleared))) {
      this.over.add(nameOf(part));
      this.parts.splice(this.parts.indexOf(part), 1);
    }
    this.waiting.get(cleared)?.();
    this.waiting.delete(cleared);
  }

  // The frame that leaves the device now: some 10 to 50 ms behind the one that is rendered.
  outputFrame() {
    return Math.round(this.context.getOutputTimestamp().contextTime * RATE);
  }

  listen(frame) {
    for (const span of this.spans) {
      const part = this.parts.find(({ number }) => number === span.part);
      const length = Math.max(0, Math.min(span.length, frame - span.frame));
      part.heard = Math.max(part.heard, span.from + length);
    }
    this.spans = this.spans.filter((span) => span.frame + span.length > frame);
  }
}

function nameOf({ item_id, content_index }) {
  return `${item_id} ${content_index}`;
}

function positionOf({ item_id, content_index, heard }) {
  return { item_id, content_index, samples: heard };
}

function isOver({ clear, done, heard, received }, cleared) {
  return clear === null ? done && heard === received : clear === cleared;
}
