// The talk's socket: opened by a ticket, opened again when it is lost.

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4000;
const ANSWER_MS = 10_000; // a server that has given no ticket by then can't be reached
const SILENCE_MS = 15_000; // the server says something every 5 s: a socket without a word is lost
const SOUND_BEHIND_S = 1; // more than this in the socket's buffer: the network is too slow
const EARLY_CHUNKS = 500; // 10 s: who speaks while a talk is opened is heard all the same

// Codes that end a talk; with any other the connection is lost, and the talk waits.
const ENDS = new Set([1000, 1001, 1008, 4000, 4001, 4002, 4004]);

export class Refused extends Error {
  constructor({ code, error }) {
    super(error);
    this.code = code;
  }
}

export class Wire {
  // `on` has the functions `message(message)`, `sound(buffer)`, `lost()` when it tries again,
  // `failed(error)` when it has given up, and `ended(code)`.
  constructor({ csrf, hello, on }) {
    this.csrf = csrf;
    this.hello = hello; // () => what the first message says
    this.on = on;
    this.talk = null;
    this.socket = null;
    this.rejoinS = 0;
    this.ready = false;
    this.early = []; // sound from before the talk was open; null from then on
    this.earlyBytes = 0; // of it that the socket may still have in its buffer
    this.closed = false;
    this.left = false; // by the user, who wants the talk to be over
    this.deadline = null; // of the rejoining, while there is one
    this.pauseMs = FIRST_PAUSE_MS;
    this.timer = undefined;
    this.silence = undefined; // the timer of `watch`
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN && this.ready;
  }

  // Begin a talk, or join `talk` again; throws Refused, or a TypeError or DOMException where the
  // server can't be reached.
  async connect(talk = null) {
    if (this.closed) return;
    const { ticket, talk: named } = await this.ticket(talk);
    if (this.closed) {
      if (this.left) this.giveUp(named);
      return;
    }
    this.talk = named;
    const url = new URL(`talk?ticket=${encodeURIComponent(ticket)}`, document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", ...this.hello() }));
    socket.onmessage = ({ data }) => this.take(data);
    socket.onclose = ({ code }) => this.lose(code);
    this.socket = socket;
    this.watch();
  }

  // Without a network a socket may look well for minutes: do not wait for its end.
  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.offline(), SILENCE_MS);
  }

  async ticket(talk) {
    const answer = await fetch("talks", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": this.csrf },
      body: JSON.stringify({ talk }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const told = await answer.json().catch(() => ({}));
    // What has no code is no word of the server's, but of a proxy's that does not reach it.
    if (!answer.ok && told.code === undefined) throw new TypeError(`answer ${answer.status}`);
    if (!answer.ok) throw new Refused(told);
    return told;
  }

  send(message) {
    if (this.open) this.socket.send(JSON.stringify(message));
    return this.open;
  }

  // Have the talk ended: by the socket, or by a request where that is not open.
  leave() {
    this.left = true;
    if (!this.send({ type: "bye" }) && this.talk !== null) this.giveUp(this.talk);
  }

  giveUp(talk) {
    const headers = { "X-CSRF-Token": this.csrf };
    // Without a network the server ends the talk by itself, later.
    fetch(`talks/${talk}`, { method: "DELETE", headers, keepalive: true }).catch(() => {});
  }

  // Send a chunk of the microphone's; false if it is lost because the network is too slow.
  sound(pcm, rate) {
    if (!this.open) {
      if (this.early?.push(pcm) > EARLY_CHUNKS) this.early.shift();
      return true;
    }
    // The early sound comes all at once: that it takes its time says nothing about the network.
    const buffered = this.socket.bufferedAmount;
    this.earlyBytes = Math.min(this.earlyBytes, buffered);
    if (buffered - this.earlyBytes > SOUND_BEHIND_S * rate * 2) return false;
    this.socket.send(pcm);
    return true;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.drop();
  }

  offline() {
    if (this.socket === null) return;
    this.drop();
    this.lose(1006);
  }

  online() {
    if (this.timer === undefined) return; // it is not waiting
    clearTimeout(this.timer);
    this.rejoin();
  }

  get secondsLeft() {
    return Math.max(0, Math.ceil((this.deadline - performance.now()) / 1000));
  }

  drop() {
    if (this.socket === null) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(1000);
    this.socket = null;
  }

  take(data) {
    this.watch();
    if (data instanceof ArrayBuffer) {
      this.on.sound(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "ready") {
      this.ready = true;
      this.rejoinS = message.rejoin_s;
      this.deadline = null;
      this.early?.forEach((pcm) => this.socket.send(pcm));
      this.early = null;
      this.earlyBytes = this.socket.bufferedAmount;
    }
    this.on.message(message);
  }

  lose(code) {
    this.socket = null;
    this.ready = false;
    if (this.closed) return;
    if (ENDS.has(code)) {
      this.closed = true;
      this.on.ended(code);
      return;
    }
    if (this.deadline === null) {
      this.deadline = performance.now() + this.rejoinS * 1000; // whatever the clock is set to
      this.pauseMs = FIRST_PAUSE_MS;
    }
    this.again();
  }

  again() {
    if (this.secondsLeft === 0) {
      this.closed = true;
      this.on.failed(null);
      return;
    }
    this.on.lost();
    this.timer = setTimeout(() => this.rejoin(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  async rejoin() {
    this.timer = undefined;
    try {
      await this.connect(this.talk);
    } catch (error) {
      if (this.closed) return;
      if (!(error instanceof Refused)) {
        this.again();
        return;
      }
      this.closed = true;
      this.on.failed(error);
    }
  }
}
