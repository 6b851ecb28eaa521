// One talk: the microphone, the socket and the player, and what they are about at the moment.

import { Microphone } from "./microphone.js";
import { Player } from "./player.js";
import { Refused, Wire } from "./wire.js";
import { ENDS, NOTICES, microphoneFault } from "./words.js";

const SPEECH = 0.02; // level: louder than a quiet room, -34 dB
const KEPT = "talk"; // in the tab's storage: a reload joins the talk again

export function keptTalk() {
  return JSON.parse(sessionStorage.getItem(KEPT));
}

export class Talk {
  // `page` shows: `state(name)`, `level(number)`, `message(message)`, `notice(text)`,
  // `lost(wire)`, `microphone(off|on|muted)`, `suspended(yes)` and `over()`.
  constructor(page, csrf) {
    this.page = page;
    this.link = "connecting"; // open, lost, over
    this.answering = false; // from the user's last word to the end of an answer
    this.lostSpeech = false; // the user may have spoken while nobody heard it
    this.calls = new Map(); // what has become of each call of a tool
    this.unsaid = []; // what waits for the connection
    this.player = this.microphone = null; // until they are prepared
    this.speaks = false; // whether the microphone is wanted, as long as it is not prepared
    this.closed = false;
    this.wire = new Wire({
      csrf,
      hello: () => ({ rate: this.microphone.rate, played: this.player.positions }),
      on: {
        message: (message) => this.take(message),
        sound: (buffer) => this.player.write(buffer),
        lost: () => this.lose(),
        failed: (error) => this.over(error?.message ?? NOTICES.unreachable),
        ended: (code) => this.over(this.reason ?? ENDS[code] ?? ENDS[1000]),
      },
    });
  }

  // Open everything, with or without the microphone; `talk` joins one again.
  async start({ talk = null, speak, muted = false }) {
    this.speaks = speak;
    this.show();
    try {
      // The user may end the talk at every one of these; what comes later is closed here.
      this.player = await Player.open((part) => this.heard(part));
      if (this.closed) {
        this.player.close();
        return;
      }
      this.microphone = await Microphone.prepare({
        sound: (pcm, level) => this.speak(pcm, level),
        lost: () => {
          this.page.notice(NOTICES.microphoneLost);
          this.showMicrophone();
        },
      });
      if (this.closed) {
        this.microphone.close();
        return;
      }
      this.microphone.mute(muted);
      this.watchGesture();
      // The user may take a while to allow the microphone, and no talk waits so long.
      await Promise.all([this.speaks && this.startMicrophone(), this.wire.connect(talk)]);
    } catch (error) {
      // A DOMException: a worklet did not come, or no answer in time.
      const known = [Refused, TypeError, DOMException].some((kind) => error instanceof kind);
      if (!known) throw error;
      this.over(error instanceof Refused ? error.message : NOTICES.unreachable);
    }
  }

  async startMicrophone() {
    try {
      if (navigator.mediaDevices === undefined) throw new DOMException("", "InsecureContextError");
      await this.microphone.start({ echoControl: this.page.echoControl });
    } catch (error) {
      if (!this.closed) this.page.notice(microphoneFault(error));
    }
    if (this.closed) return;
    this.showMicrophone();
    this.keep();
  }

  // The big button: on, or muted and back.
  toggleMicrophone() {
    this.speaks = true;
    if (this.microphone === null) return; // `start` will turn it on
    this.resume();
    this.microphone.mute(this.microphone.on && !this.microphone.muted);
    if (this.microphone.on) {
      this.showMicrophone();
      this.keep();
    } else this.startMicrophone();
  }

  changeEchoControl() {
    if (this.microphone?.on) this.startMicrophone();
  }

  // Send words or an image; before the talk is open they wait for it.
  say(message) {
    this.resume();
    if (this.wire.send(message)) this.answering = true;
    else this.unsaid.push(message);
    this.show();
  }

  // Return whether the server is told.
  approve(callId, approved, always) {
    return this.wire.send({ type: "approve", call_id: callId, approved, always });
  }

  // First be silent, then say so: by then the server knows how much was heard.
  async interrupt() {
    this.answering = false;
    await this.player.clear();
    this.wire.send({ type: "interrupt" });
    this.show();
  }

  end() {
    this.wire.leave();
    this.over(ENDS[1000]);
  }

  // -- what happens -------------------------------------------------------------------------------

  take(message) {
    this.takings[message.type]?.(message);
    this.page.message(message);
    this.show();
  }

  takings = {
    ready: ({ answering, rejoined, history }) => {
      this.link = "open";
      this.answering = answering;
      history.forEach((message) => this.takings[message.type]?.(message));
      this.keep();
      if (rejoined && this.lostSpeech) this.page.notice(NOTICES.rejoined);
      this.lostSpeech = false;
      this.unsaid.splice(0).forEach((message) => this.say(message));
    },
    audio: (part) => this.player.announce(part),
    audio_done: (part) => this.player.end(part),
    clear: async ({ n }) => {
      await this.player.clear();
      this.wire.send({ type: "cleared", n });
      this.show();
    },
    speech: ({ speaking }) => (this.answering = !speaking),
    answer: ({ state }) => (this.answering = state === "started"),
    tool: ({ call_id, state }) => this.calls.set(call_id, state),
    error: () => (this.answering = false),
    over: ({ reason }) => (this.reason = reason),
  };

  heard(position) {
    this.wire.send({ type: "played", ...position });
    this.show();
  }

  speak(pcm, level) {
    this.page.level(this.microphone.muted ? 0 : level);
    if (this.link === "lost" && level > SPEECH) this.lostSpeech = true;
    if (!this.wire.sound(pcm, this.microphone.rate)) this.page.notice(NOTICES.slow);
  }

  lose() {
    this.link = "lost";
    this.page.lost(this.wire);
    this.show();
  }

  over(reason) {
    if (this.closed) return;
    this.closed = true;
    this.link = "over";
    sessionStorage.removeItem(KEPT);
    this.wire.close();
    this.player?.close();
    this.microphone?.close();
    this.page.over(reason);
  }

  // -- what is shown ------------------------------------------------------------------------------

  get state() {
    if (this.link === "over") return "idle";
    if (this.link !== "open") return this.link === "lost" ? "reconnecting" : "connecting";
    if (this.player.playing) return "speaking";
    const calls = [...this.calls.values()];
    if (calls.includes("needs_approval")) return "asking";
    if (this.answering || calls.includes("running")) return "thinking";
    if (this.microphone.on) return this.microphone.muted ? "muted" : "listening";
    return "written";
  }

  get figures() {
    const rate = `${(this.microphone.rate / 1000).toFixed(1)} kHz`;
    const gaps = this.player.underruns;
    return gaps === 0 ? rate : `${rate}, ${gaps} ${gaps === 1 ? "gap" : "gaps"} in what you heard`;
  }

  show() {
    this.page.state(this.state);
  }

  showMicrophone() {
    const { on, muted } = this.microphone;
    this.page.microphone(on ? (muted ? "muted" : "on") : "off");
    if (!on || muted) this.page.level(0);
    this.show();
  }

  // Browsers let a page make sound only after a click or a key; a reload has had none.
  watchGesture() {
    const look = () => this.page.suspended(!this.closed && this.player.suspended);
    for (const { context } of [this.player, this.microphone]) context.onstatechange = look;
    this.resume();
    setTimeout(look, 500);
  }

  resume() {
    this.player?.resume();
    this.microphone?.resume();
  }

  keep() {
    if (this.wire.talk === null) return;
    const { on, muted } = this.microphone;
    const kept = { talk: this.wire.talk, speak: on, muted };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  }
}
