// The page: asks by fetch, shows the answer as its events come, records WAV.

import { record } from "./microphone.js";

const byId = (id) => document.getElementById(id);
const [log, problem, ask, recording] = ["turns", "problem", "ask", "recording"].map(byId);
const [question, stop, recordButton, level, file] = ["question", "stop", "record", "level", "file"].map(byId);
const limits = document.body.dataset;

let running = null; // what aborts the answer that is under way
let microphone = null; // while it records
let opening = false; // it: a second click meanwhile would open another, which nothing ends

// -- what is shown --------------------------------------------------------------------------------

function complain(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

function welcome() {
  log.querySelector(".welcome").hidden = Boolean(log.querySelector(".turn"));
}

function addTurn(who, words) {
  const turn = byId("turn").content.firstElementChild.cloneNode(true);
  turn.classList.add(who);
  turn.querySelector("h2").textContent = who === "user" ? "You" : "Desk";
  turn.querySelector(".words").textContent = words;
  log.append(turn);
  welcome();
  turn.scrollIntoView({ block: "end" });
  return turn;
}

function addSound(turn, address) {
  const audio = Object.assign(document.createElement("audio"), {
    controls: true,
    src: address,
    ariaLabel: "Spoken answer",
  });
  const link = Object.assign(document.createElement("a"), {
    href: `${address}?download`,
    download: "",
    textContent: "Download WAV",
  });
  turn.querySelector(".sound").append(audio, link);
  turn.scrollIntoView({ block: "end" });
  audio.play().catch(() => {}); // the browser may forbid it; there is a button
}

function busy(isBusy) {
  for (const each of document.querySelectorAll("#send, #record, #upload")) each.disabled = isBusy;
  stop.hidden = !isBusy;
}

// -- an answer ------------------------------------------------------------------------------------

// Yield the events of a stream; comments are heartbeats.
async function* eventsOf(body) {
  let text = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
      );
      if (fields.event) yield { type: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

async function send(address, form, asked) {
  complain("");
  const focused = document.activeElement;
  busy(true);
  running = new AbortController();
  const question = addTurn("user", asked);
  const answer = addTurn("assistant", "");
  answer.dataset.state = "running";
  try {
    const response = await fetch(address, {
      method: "POST",
      body: form,
      headers: { Accept: "text/event-stream" },
      signal: running.signal,
    });
    if (response.headers.get("Content-Type") !== "text/event-stream") {
      question.remove(); // they are not in the log
      answer.remove();
      welcome();
      complain(await refusal(response));
    } else await follow(response.body, question, answer);
  } catch (error) {
    fail(answer, error);
  } finally {
    running = null;
    busy(false);
    if (document.activeElement === document.body) focused.focus(); // a button loses it when it is disabled
  }
}

async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  if (body.error) return body.error;
  return response.status < 500
    ? `The desk refuses this (${response.status}). Reload the page and try again.`
    : `Something is wrong with the desk (${response.status}). Please try again in a minute.`;
}

async function follow(body, question, answer) {
  for await (const { type, data } of eventsOf(body)) {
    if (type === "heard") question.querySelector(".words").textContent = data.text;
    else if (type === "delta") answer.querySelector(".words").append(data.text);
    else if (type === "error") throw new Error(data.message);
    else if (type === "done") {
      answer.dataset.state = "done";
      if (data.sound) addSound(answer, data.sound);
      return;
    }
    answer.scrollIntoView({ block: "end" });
  }
  throw new Error("The connection to the desk broke. Please try again.");
}

function fail(answer, error) {
  const left = error.name === "AbortError";
  const lost = error instanceof TypeError; // what fetch raises
  answer.dataset.state = left ? "left" : "failed";
  const sentence = lost ? "The desk can't be reached. Please try again." : error.message;
  answer.querySelector(".remark").textContent = left ? "You stopped the answer." : sentence;
  if (!left) complain(sentence);
}

// -- the forms ------------------------------------------------------------------------------------

ask.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) return;
  const form = new FormData(ask);
  const text = form.get("text").trim();
  if (!text) return complain("Write a question first.");
  question.value = "";
  send(ask.action, form, text);
});

question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask.requestSubmit();
  }
});

stop.addEventListener("click", () => running?.abort());

function upload(sound, name) {
  if (sound.size > Number(limits.maxBytes)) return complain(limits.tooLarge);
  const form = new FormData(recording); // with its token
  form.set("recording", sound, name);
  send(recording.action, form, name);
}

recording.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) return;
  const [chosen] = file.files;
  if (!chosen) return;
  upload(chosen, chosen.name);
  file.value = "";
});

// What was said last is what a visitor comes back for.
log.querySelector(".turn:last-child")?.scrollIntoView({ block: "end" });

// -- the microphone -------------------------------------------------------------------------------

recordButton.hidden = !navigator.mediaDevices || !window.AudioWorkletNode;
recordButton.addEventListener("click", () => (microphone ? finish() : begin()));

async function begin() {
  if (opening) return;
  opening = true;
  complain("");
  try {
    microphone = await record(limits.worklet, {
      level: (value) => (level.value = value),
      seconds: Number(limits.maxSeconds),
      full: finish,
    });
  } catch (error) {
    return complain(`The microphone can't be used: ${error.message || error.name}.`);
  } finally {
    opening = false;
  }
  show(true);
}

async function finish() {
  const recorded = microphone;
  if (!recorded) return;
  microphone = null;
  show(false);
  upload(await recorded.stop(), "recording.wav");
}

function show(isRecording) {
  recordButton.setAttribute("aria-pressed", String(isRecording));
  recordButton.firstElementChild.textContent = isRecording ? "Stop and send" : "Record";
  level.hidden = !isRecording;
}
