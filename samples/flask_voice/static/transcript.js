// What was said, shown, called and handed over, in its order.

// What is on the button, whether it agrees, and whether it does so for this tool's calls to come.
const CHOICES = [
  ["Approve", true, false],
  ["Always approve", true, true],
  ["Reject", false, false],
];

export class Transcript {
  // `approve(callId, approved, always)` is called when the user has decided about a tool, and
  // returns whether that could be told.
  constructor(list, approve) {
    this.list = list;
    this.approve = approve;
    this.agent = "";
    this.rows = new Map(); // by what they show
    // The newest is kept in sight, unless the user has scrolled up to read.
    this.follows = true;
    this.size = ""; // of the list, as it was followed: with another one the browser has scrolled
    list.addEventListener("scroll", () => {
      if (sizeOf(list) === this.size) this.follows = this.isNearEnd;
    });
    new ResizeObserver(() => {
      this.size = sizeOf(list);
      this.follow();
    }).observe(list);
    this.canvases = []; // images on their way to the server, which has them in items later
  }

  // Show this and no more. A row that stays keeps its picture, and is not read out again.
  replace(history) {
    const keys = new Set(history.map(keyOf));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.rows.delete(key);
    }
    history.forEach((message) => this.put(message));
    this.follow(); // once: each time the browser has to lay out all rows
  }

  show(message) {
    this.put(message);
    this.follow();
  }

  put(message) {
    this.showings[message.type]?.call(this, message);
  }

  get isNearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    return scrollHeight - scrollTop - clientHeight < 200;
  }

  follow() {
    if (this.follows) this.list.scrollTop = this.list.scrollHeight;
  }

  get showings() {
    const { item, words, gone, tool, handoff, latency } = this;
    return { item, words, gone, tool, handoff, latency };
  }

  item(message) {
    const { role, after, text, images, final, interrupted } = message;
    if (role === "system") return;
    const known = this.rows.get(keyOf(message));
    const row = known ?? this.row(message, role, role === "user" ? "You" : this.agent);
    if (known === undefined) this.place(row, this.rows.get(`item ${after}`));
    row.classList.toggle("interrupted", interrupted);
    row.setAttribute("aria-busy", String(!final)); // it is read out when it is complete
    if (known === undefined && images > 0) row.append(this.canvases.shift() ?? "an image");
    write(row, interrupted ? `${text} …` : text);
  }

  words({ item_id, delta }) {
    const row = this.rows.get(`item ${item_id}`);
    if (row) write(row, row.querySelector(".words").textContent + delta);
  }

  gone({ item_id }) {
    this.rows.get(`item ${item_id}`)?.remove();
    this.rows.delete(`item ${item_id}`);
  }

  // Behind an item, and what was called and handed over in its turn.
  place(row, item) {
    if (item === undefined) return;
    let before = item;
    while (["tool", "handoff"].includes(before.nextElementSibling?.dataset.role)) {
      before = before.nextElementSibling;
    }
    before.after(row);
  }

  latency({ first_audio_ms, first_heard_ms }) {
    const row = [...this.list.querySelectorAll('[data-role="assistant"]')].at(-1);
    const ms = first_heard_ms ?? first_audio_ms;
    if (row) part(row, "latency", "small").textContent = `heard after ${(ms / 1000).toFixed(2)} s`;
  }

  handoff(message) {
    const { from, to } = message;
    const row = this.rows.get(keyOf(message)) ?? this.row(message, "handoff", "");
    write(row, `${from} hands over to ${to}`);
    this.agent = to;
  }

  tool(message) {
    const { call_id, name, arguments: given, state, output } = message;
    const row = this.rows.get(keyOf(message)) ?? this.row(message, "tool", name);
    if (row.dataset.state !== state) this.offer(row, state, call_id, name);
    write(row, callLine(given, state, output));
  }

  // Buttons for a call that waits for consent, and none for any other.
  offer(row, state, callId, name) {
    row.dataset.state = state;
    row.querySelector(".choice")?.remove();
    if (state === "needs_approval") row.append(this.choice(callId, name));
  }

  choice(callId, name) {
    const choice = document.createElement("div");
    choice.className = "choice";
    for (const [words, approved, always] of CHOICES) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = words;
      button.setAttribute("aria-label", `${words} ${name}`);
      button.onclick = () => {
        if (!this.approve(callId, approved, always)) return;
        choice.remove();
        this.list.focus(); // where the button was that had it
      };
      choice.append(button);
    }
    return choice;
  }

  row(message, role, who) {
    const row = document.createElement("li");
    row.dataset.role = role;
    part(row, "who", "strong").textContent = who;
    part(row, "words", "span").dir = "auto";
    this.list.append(row);
    this.rows.set(keyOf(message), row);
    return row;
  }
}

function sizeOf({ clientWidth, clientHeight }) {
  return `${clientWidth} ${clientHeight}`;
}

function keyOf({ type, item_id, call_id, id }) {
  return { item: `item ${item_id}`, tool: `call ${call_id}`, handoff: `handoff ${id}` }[type];
}

function write(row, words) {
  const written = row.querySelector(".words");
  if (written.textContent !== words) written.textContent = words;
}

function part(row, name, tag) {
  const found = row.querySelector(`.${name}`);
  if (found) return found;
  const made = document.createElement(tag);
  made.className = name;
  row.append(made);
  return made;
}

function callLine(given, state, output) {
  const called = `(${argumentsIn(given)})`;
  if (state === "needs_approval") return `${called} asks for your consent`;
  if (state === "rejected") return `${called} was rejected`;
  return state === "done" ? `${called} has returned: ${output}` : `${called} …`;
}

function argumentsIn(json) {
  try {
    const pairs = Object.entries(JSON.parse(json));
    return pairs.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(", ");
  } catch {
    return json; // models make mistakes
  }
}
