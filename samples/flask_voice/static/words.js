// What the page says, all of it in one place.

export const STATES = {
  idle: "Press the microphone and speak",
  connecting: "Connecting …",
  listening: "Listening",
  muted: "Your microphone is off",
  written: "Write something, or press the microphone",
  thinking: "Thinking …",
  asking: "Approve or reject, please",
  speaking: "Speaking: you can interrupt",
  reconnecting: "The connection is lost: trying again …",
};

export const MICROPHONE_BUTTON = {
  off: "Start talking",
  on: "Turn the microphone off",
  muted: "Turn the microphone on",
};

// By the name of what getUserMedia throws.
const MICROPHONE = {
  InsecureContextError:
    "The microphone works only over HTTPS, or on localhost. Open this page with https:// in front. You can write meanwhile.",
  NotAllowedError:
    "This page may not use the microphone. Allow it beside the address, then press the button again. You can write meanwhile.",
  NotFoundError: "There is no microphone. Plug one in, then press the button again. You can write meanwhile.",
  NotReadableError:
    "Another program uses the microphone. Close it, then press the button again. You can write meanwhile.",
};

export function microphoneFault({ name, message }) {
  return MICROPHONE[name] ?? `The microphone does not start: ${message || name}. You can write meanwhile.`;
}

export const NOTICES = {
  microphoneLost: "The microphone has gone. Plug it in, then press the button again.",
  gesture: "The browser plays no sound before you have clicked on something.",
  unreachable: "The server can't be reached. Look after your network, then try again.",
  slow: "Your network is too slow: some of what you say is lost.",
  rejoined: "The connection is back. What you said meanwhile was not heard.",
  image: "This is no image that the browser can read.",
  ending: "The server is being shut down: the conversation will end soon.",
  provider: "The connection to the model is lost: trying again …",
};

export function rejoining(seconds) {
  return `The connection is lost. Trying again for ${seconds} s.`;
}

// Why the server has closed the socket, by its code; other codes are a lost connection.
export const ENDS = {
  1000: "The conversation is over.",
  1001: "The server is being shut down. Try again in a minute.",
  1008: "The server did not understand this page. Reload it.",
  4000: "The conversation goes on in another tab.",
  4001: "You are logged out. Reload the page to log in again.",
  4002: "The conversation is over.",
  4004: "The model can't be reached. Try again in a minute.",
};
