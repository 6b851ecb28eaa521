// The page: its buttons, and what it shows.

import { readImage, takeImages } from "./images.js";
import { Talk, keptTalk } from "./talk.js";
import { Transcript } from "./transcript.js";
import { MICROPHONE_BUTTON, NOTICES, STATES, rejoining } from "./words.js";

const ECHO = "echo-control"; // in the browser's storage: it belongs to the device

const $ = (id) => document.getElementById(id);
const csrf = document.querySelector('meta[name="csrf-token"]').content;

class Page {
  constructor() {
    this.talk = null;
    this.countdown = undefined;
    this.transcript = new Transcript($("transcript"), (...choice) => this.talk?.approve(...choice));
    $("echo").checked = localStorage.getItem(ECHO) !== "off";
    this.over(null);
    this.listen();
    $("page").inert = false; // before that the form would be sent as forms are
    const kept = keptTalk();
    if (kept !== null) this.begin(kept);
  }

  // -- what the user does -------------------------------------------------------------------------

  listen() {
    $("microphone").onclick = ({ detail }) => {
      if (this.talk === null) this.begin({ speak: true });
      else if (detail < 2) this.talk.toggleMicrophone(); // a double click is one
    };
    $("stop").onclick = () => this.talk.interrupt();
    $("end").onclick = () => this.talk.end();
    $("notice-close").onclick = () => this.notice(null);
    $("unlock").onclick = () => this.talk?.resume();
    $("image-button").onclick = () => $("image").click();
    $("writing").onsubmit = (event) => {
      event.preventDefault();
      this.say($("text").value.trim());
      $("text").value = "";
    };
    $("echo").onchange = () => {
      localStorage.setItem(ECHO, this.echoControl ? "on" : "off");
      this.talk?.changeEchoControl();
    };
    for (const phrase of document.querySelectorAll(".phrase")) {
      phrase.onclick = () => this.say(phrase.textContent);
    }
    takeImages($("image"), (file) => this.showImage(file));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !$("stop").disabled) this.talk.interrupt();
      // A key that is held is no second press.
      if (event.repeat && event.target.matches("button")) event.preventDefault();
    });
    // Of a finger only the end is a gesture to the browser, of a mouse the beginning.
    for (const gesture of ["pointerdown", "pointerup", "keydown"]) {
      document.addEventListener(gesture, () => this.talk?.resume());
    }
    window.addEventListener("offline", () => this.talk?.wire.offline());
    window.addEventListener("online", () => this.talk?.wire.online());
  }

  begin({ talk = null, ...microphone }) {
    this.notice(null);
    if (talk === null) this.transcript.replace([]);
    this.talk = new Talk(this, csrf);
    this.talk.start({ talk, ...microphone });
  }

  say(text) {
    if (text !== "") this.send({ type: "text", text });
  }

  send(message) {
    if (this.talk === null) this.begin({ speak: false });
    this.talk.say(message);
  }

  async showImage(file) {
    try {
      const { canvas, url } = await readImage(file);
      this.transcript.canvases.push(canvas);
      this.send({ type: "image", data_url: url, text: $("text").value.trim() || undefined });
      $("text").value = "";
    } catch {
      this.notice(NOTICES.image);
    }
  }

  get echoControl() {
    return $("echo").checked;
  }

  // -- what the talk shows ------------------------------------------------------------------------

  state(name) {
    $("page").dataset.state = name;
    write($("state"), STATES[name]);
    $("stop").disabled = !["speaking", "thinking"].includes(name);
    $("end").disabled = this.talk === null;
    if (name === "reconnecting" || this.countdown === undefined) return;
    clearInterval(this.countdown);
    this.countdown = undefined;
    if ($("notice").dataset.kind === "countdown") this.notice(null);
  }

  message(message) {
    this.messages[message.type]?.(message);
    this.transcript.show(message);
    if (this.talk) write($("figures"), this.talk.figures);
  }

  messages = {
    ready: ({ agent, history }) => {
      // The rows before a handover are another's.
      this.transcript.agent = history.find(({ type }) => type === "handoff")?.from ?? agent;
      this.transcript.replace(history);
      this.showAgent(agent);
    },
    answer: ({ agent }) => this.showAgent(agent),
    handoff: ({ to }) => this.showAgent(to),
    error: ({ message }) => {
      this.transcript.canvases = []; // one of them was perhaps not taken, and none may stand for it
      this.notice(message);
    },
    ending: () => this.notice(NOTICES.ending),
    provider: ({ state }) => this.notice(state === "reconnecting" ? NOTICES.provider : null),
  };

  showAgent(name) {
    this.transcript.agent = name;
    write($("agent"), name);
  }

  level(level) {
    // Speech has -40 to -10 dB of full scale; the meter shows -60 to 0.
    $("level").value = level === 0 ? 0 : Math.max(0, 1 + (20 * Math.log10(level)) / 60);
  }

  microphone(state) {
    $("microphone").dataset.microphone = state;
    $("microphone").setAttribute("aria-label", MICROPHONE_BUTTON[state]);
    $("microphone").title = MICROPHONE_BUTTON[state];
  }

  notice(text, kind = "") {
    // The state says that the connection is lost; nobody wants every second read out.
    $("notice").ariaLive = kind === "countdown" ? "off" : "assertive";
    write($("notice-text"), text ?? "");
    $("notice").dataset.kind = kind;
    $("notice").hidden = text === null;
  }

  lost(wire) {
    const tick = () => this.notice(rejoining(wire.secondsLeft), "countdown");
    tick();
    this.countdown ??= setInterval(tick, 1000);
  }

  suspended(yes) {
    $("unlock").textContent = NOTICES.gesture;
    $("unlock").hidden = !yes;
  }

  over(reason) {
    this.talk = null;
    this.transcript.canvases = [];
    this.state("idle");
    this.microphone("off");
    this.level(0);
    this.suspended(false);
    $("agent").textContent = "";
    this.notice(reason);
  }
}

// Of a live region the same words would be read out again.
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

new Page();
